"""Questions made whole over a table of dialogues at a library desk, half of which must stay as they are."""

from __future__ import annotations

import pytest

from backend.chat.rewrite import Past, make_whole

LIST = Past(
    question="余华写过哪些书",
    intent="find_item",
    items=(("b1", "活着", "catalogue"), ("b2", "兄弟", "catalogue"), ("b3", "许三观卖血记", "catalogue")),
)
ONE = Past(question="《活着》哪里有", intent="locate", items=(("b1", "活着", "catalogue"),))
TOPIC = Past(
    question="有没有关于人工智能的书",
    intent="find_item",
    items=(("a1", "人工智能导论", "catalogue"), ("a2", "智能时代", "catalogue")),
)
HOURS = Past(question="图书馆周一几点开门", intent="policy", items=(("p1", "开放时间", "policy"),))
COLLEGE = Past(question="师范学院图书馆周一几点开门", intent="policy", items=(("p2", "开放时间", "policy"),))
CARD = Past(question="怎么办理借书证", intent="policy", items=(("p3", "办证", "policy"),))
LOAN = Past(question="本科生可以借几本书", intent="policy", items=(("p4", "借阅规则", "policy"),))
JOURNAL = Past(question="图书可以借多久", intent="policy", items=(("p4", "借阅规则", "policy"),))
FINE = Past(question="图书逾期怎么罚款", intent="policy", items=(("p5", "逾期", "faq"),))
STANDARD = Past(question="GB/T 7714-2015 还有效吗", intent="industry", items=(("s1", "参考文献著录规则", "standard"),))
GREETING = Past(question="你好", intent="greeting")
ENGLISH = Past(
    question="When does the library open on weekdays?", intent="policy", items=(("p1", "开放时间", "policy"),)
)

LEANS = [
    # it counts
    (LIST, "第二本哪里有", "《兄弟》哪里有", ("b2",)),
    (LIST, "第3本在架吗", "《许三观卖血记》在架吗", ("b3",)),
    (LIST, "最后一本是哪年出版的", "《许三观卖血记》是哪年出版的", ("b3",)),
    (LIST, "倒数第二本怎么借", "《兄弟》怎么借", ("b2",)),
    (LIST, "我想借第一本", "我想借《活着》", ("b1",)),
    (LIST, "第一本和第三本哪里有", "《活着》和《许三观卖血记》哪里有", ("b1", "b3")),
    (LIST, "第二个有电子版吗", "《兄弟》有电子版吗", ("b2",)),
    (LIST, "where is the second one", "where is 《兄弟》", ("b2",)),
    # it points
    (ONE, "那本怎么借", "《活着》怎么借", ("b1",)),
    (ONE, "这本书有英文版吗", "《活着》有英文版吗", ("b1",)),
    (ONE, "它是哪年出版的", "《活着》是哪年出版的", ("b1",)),
    (ONE, "该书的作者是谁", "《活着》的作者是谁", ("b1",)),
    (LIST, "这几本哪里有", "《活着》、《兄弟》、《许三观卖血记》哪里有", ("b1", "b2", "b3")),
    (LIST, "这两本都能外借吗", "《活着》、《兄弟》都能外借吗", ("b1", "b2")),
    (STANDARD, "这个标准代替了哪个标准", "《参考文献著录规则》代替了哪个标准", ("s1",)),
    (STANDARD, "该标准什么时候实施", "《参考文献著录规则》什么时候实施", ("s1",)),
    (ONE, "is it available", "is 《活着》 available", ("b1",)),
    (LIST, "他还写过什么", "余华还写过什么", ()),
    (LIST, "这位作者最新的书是什么", "余华最新的书是什么", ()),
    (ONE, "他还有哪些小说", "《活着》的作者还有哪些小说", ("b1",)),
    (COLLEGE, "该馆怎么办证", "师范学院图书馆怎么办证", ()),
    (COLLEGE, "那里可以停车吗", "师范学院图书馆可以停车吗", ()),
    # it leaves out
    (HOURS, "那周末呢", "图书馆周末几点开门", ()),
    (HOURS, "节假日呢？", "图书馆节假日几点开门", ()),
    (COLLEGE, "周日呢", "师范学院图书馆周日几点开门", ()),
    (HOURS, "那师范学院呢", "师范学院周一几点开门", ()),
    (COLLEGE, "那几点关门呢", "师范学院图书馆几点关门", ()),
    (LOAN, "那研究生呢", "研究生可以借几本书", ()),
    (LOAN, "如果是教师呢", "教师可以借几本书", ()),
    (JOURNAL, "期刊呢", "期刊可以借多久", ()),
    (JOURNAL, "那光盘呢？", "光盘可以借多久", ()),
    (FINE, "期刊也一样吗", "期刊逾期怎么罚款", ()),
    (CARD, "那少儿呢", "少儿怎么办理借书证", ()),
    (LIST, "那莫言呢", "莫言写过哪些书", ()),
    (TOPIC, "那机器学习呢", "有没有关于机器学习的书", ()),
    (TOPIC, "2015年以后的呢", "2015年以后的，有没有关于人工智能的书", ()),
    (TOPIC, "近五年的呢", "近五年的，有没有关于人工智能的书", ()),
    (ONE, "《兄弟》呢", "《兄弟》哪里有", ()),
    (ENGLISH, "what about Sundays", "When does the library open on Sundays?", ()),
    # it has no subject
    (CARD, "多少钱", "办理借书证多少钱", ()),
    (CARD, "需要带什么证件", "办理借书证需要带什么证件", ()),
    (CARD, "要多久？", "办理借书证要多久？", ()),
    (CARD, "在哪里办", "办理借书证在哪里办", ()),
    (ONE, "在几楼", "《活着》在几楼", ("b1",)),
    (TOPIC, "还有别的吗", "除此之外，有没有关于人工智能的书", ()),
]
STAYS = [
    (LIST, "怎么办借书证"),
    (LIST, "图书馆几点关门"),
    (LIST, "有没有莫言的小说"),
    (LIST, "第二个五年计划的资料有吗"),
    (LIST, "第一次办证要带什么"),
    (LIST, "有没有《红楼梦》第三版"),
    (LIST, "图书馆的无线网怎么连呢"),
    (LIST, "第九本哪里有"),
    (LIST, "《平凡的世界》第二部哪里有"),
    (ONE, "《兄弟》哪里有"),
    (ONE, "其他人可以用我的借书证吗"),
    (ONE, "其中哪些可以复印"),
    (ONE, "他们的开放时间是什么"),
    (ONE, "有没有余华的书"),
    (ONE, "谢谢"),
    (ONE, "转人工"),
    (HOURS, "期刊可以外借吗"),
    (HOURS, "怎么续借"),
    (HOURS, "丢了书怎么赔"),
    (HOURS, "市图书馆可以带宠物吗"),
    (HOURS, "如果我在外地，怎么还书"),
    (COLLEGE, "示例市图书馆怎么办证呢"),
    (CARD, "逾期罚款多少钱"),
    (CARD, "停车场在哪里"),
    (CARD, "这个月有什么讲座"),
    (CARD, "这个图书馆联盟有哪些成员"),
    (STANDARD, "GB/T 3179-2009 现行吗"),
    (STANDARD, "石墨烯的国家标准有哪些"),
    (GREETING, "多少钱"),
    (GREETING, "周末开放吗"),
    (LOAN, "Where can I print?"),
    (TOPIC, "水库的设计者是谁"),
    (TOPIC, "那不勒斯的历史有什么书"),
]


@pytest.mark.parametrize(("past", "question", "whole", "focus"), LEANS)
def test_a_question_that_leans_is_made_whole(past: Past, question: str, whole: str, focus: tuple[str, ...]) -> None:
    made = make_whole(question, [past])
    assert (made.text, made.focus) == (whole, focus)
    assert made.changed


@pytest.mark.parametrize(("past", "question"), STAYS)
def test_a_question_that_stands_alone_stays_as_it_is(past: Past, question: str) -> None:
    made = make_whole(question, [past])
    assert (made.text, made.changed) == (question, False)


def test_without_a_conversation_nothing_changes() -> None:
    assert make_whole("那本怎么借", []).text == "那本怎么借"


def test_a_change_of_topic_is_taken_at_its_word() -> None:
    assert make_whole("另外问一下，自习室要预约吗", [HOURS]).text == "自习室要预约吗"


def test_an_ordinal_counts_in_the_last_list_even_after_another_question() -> None:
    assert make_whole("第二本呢", [LIST, HOURS]).focus == ("b2",)
