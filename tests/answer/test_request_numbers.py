"""Request numbers in questions."""

from __future__ import annotations

import pytest

from backend.answer.intent import read
from backend.answer.values import Intent


@pytest.mark.parametrize("asked", ["申请 LW-WD46-7XDT6 到哪一步了？", "LW-WD46-7XDT6", "lw-wd46-7xdt6 怎么样了"])
def test_a_number_as_delivery_gives_it_is_a_question_about_that_request(asked: str) -> None:
    reading = read(asked)
    assert reading.intent is Intent.REQUEST_STATUS
    assert (reading.request_number or "").upper() == "LW-WD46-7XDT6"
