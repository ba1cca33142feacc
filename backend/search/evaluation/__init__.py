"""How good is retrieval: measures over passages and questions, and whether two runs really differ.

``questions`` reads the two JSONL files, ``measures`` scores a search, ``report`` is what comes out, ``compare`` tells
what changed between two reports and whether chance explains it. Reports hold no times: the same index and questions
give the same bytes.
"""

from backend.search.evaluation.compare import Comparison, compare
from backend.search.evaluation.measures import SearchFunction, evaluate_retrieval
from backend.search.evaluation.questions import Passage, Question, read_passages, read_questions
from backend.search.evaluation.report import Report, load_report, save_report

__all__ = [
    "Comparison",
    "Passage",
    "Question",
    "Report",
    "SearchFunction",
    "compare",
    "evaluate_retrieval",
    "load_report",
    "read_passages",
    "read_questions",
    "save_report",
]
