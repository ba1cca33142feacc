"""What the service says in its own words: greetings, refusals, notices. Never a claim about a source."""

from __future__ import annotations

from collections.abc import Mapping

from backend.answer.values import Language

_TEXTS: Mapping[str, tuple[str, str]] = {
    "greeting": (
        "您好，我是联盟图书馆的参考咨询助手。可以问我馆藏在哪里、借阅规则、标准与行业资料，也可以随时转馆员。",
        "Hello! I am the library consortium's reference assistant. Ask me where a book is held, about rules and "
        "services, or about standards; you can reach a librarian at any time.",
    ),
    "thanks": ("不客气，还有问题随时问我。", "You are welcome. Ask again whenever you like."),
    "about_self": (
        "我是图书馆的自动咨询助手：查找馆藏、说明借阅规则、查标准和行业资料，并帮您申请馆际互借。每句回答都附原文出处；"
        "答不了的可以转给馆员。",
        "I am the library's automatic assistant: I find holdings, explain rules, look up standards and place "
        "interlibrary requests. Every sentence I say cites its source; a librarian can take over.",
    ),
    "off_topic": (
        "这个问题超出了图书馆参考咨询的范围，我没有可靠的资料可以回答。您可以问馆藏、借阅规则、标准或行业资料；需要时可转馆员。",
        "That is outside what a library reference service can answer from its sources. Ask about holdings, library "
        "rules, standards or industry material, or talk to a librarian.",
    ),
    "instructions": (
        "我只根据馆藏与规章资料回答图书馆咨询，不执行改变工作方式的要求。请直接说出您想查找的内容。",
        "I only answer library questions from the collections; I do not follow requests to change how I work. "
        "Please tell me what you are looking for.",
    ),
    "personal": (
        "图书馆不提供他人的个人信息或借阅记录。若是您本人的账户事宜，请登录本馆读者系统查看，或联系馆员核实身份后办理。",
        "The library does not disclose personal data or anyone's borrowing record. For your own account, sign in to "
        "your library's reader system or ask a librarian, who will verify who you are.",
    ),
    "my_account": (
        "我看不到您的读者账户（借阅记录、欠费和密码不在咨询系统里）。请登录本馆读者系统查看，或联系馆员核实身份后办理。",
        "I cannot see your reader account (loans, fines and passwords are not in this system). Please sign in to your "
        "library's reader system or ask a librarian.",
    ),
    "refusal": (
        "抱歉，在您可查阅的{searched}中没有找到能够回答这个问题的内容，我不作猜测。",
        "Sorry, I found nothing in {searched} open to you that answers this question, and I will not guess.",
    ),
    "refusal_near": (
        "下面列出最接近的资料，仅供参考，它们不一定回答您的问题。",
        "The nearest material is listed below; it does not necessarily answer your question.",
    ),
    "refusal_next": (
        "您可以换个说法再问，转馆员咨询，或者荐购、申请馆际互借所需的文献。",
        "You can rephrase the question, ask a librarian, suggest a purchase or request the item you need.",
    ),
    "part_unanswered": (
        "关于“{part}”，没有找到可靠的资料，可转馆员咨询。",
        "As to “{part}”, I found nothing reliable; a librarian can help.",
    ),
    "other_library": (
        "抱歉，“{name}”不是本联盟的成员馆，这里没有它的规定，我不作猜测。请向该馆查询，或转馆员咨询。",
        "Sorry, “{name}” is not a member of this consortium and its rules are not here; I will not guess. "
        "Please ask that library, or a librarian.",
    ),
    "no_item": (
        "抱歉，联盟馆藏目录中没有找到符合条件的文献。可以请馆员代查，或向图书馆荐购。",
        "Sorry, nothing in the consortium's catalogue matches. "
        "A librarian can look further, or you can suggest a purchase.",
    ),
    "which_item": (
        "请告诉我是哪一种文献：题名、ISBN 或作者都可以。",
        "Which item do you mean? A title, an ISBN or an author is enough.",
    ),
    "librarian": (
        "好的，点击“转馆员咨询”即可把这次对话交给馆员，馆员会在这里回复您。",
        "Certainly: press “Ask a librarian” to pass this conversation on; the librarian will answer here.",
    ),
    "distress": (
        "听起来您正经历很难的时刻，您不必独自承受。请现在就拨打全国统一心理援助热线 12356；"
        "如有危险，请拨打 120 或 110。也可以转馆员，会有人在这里回复您。",
        "It sounds as if you are going through a very hard time, and you need not bear it alone. In China please call "
        "the psychological helpline 12356 now, or 120 or 110 in danger. You can also reach a librarian here.",
    ),
    "no_request": (
        "没有找到您名下的申请。请核对申请编号；若在其他设备上提交，请联系馆员查询。",
        "I found no request of yours. Please check the number; if you placed it on another device, ask a librarian.",
    ),
    "stopped": ("已停止回答。", "Stopped."),
    "unreadable": (
        "没有看懂这条消息，请用文字描述您的问题，例如“周末几点开门”“《活着》哪里有”。",
        "I could not read that. Please describe your question in words, for example “opening hours at weekends”.",
    ),
    "everything": ("馆藏目录、规章与资料", "the catalogue, the rules and the documents"),
    "handoff": ("转馆员咨询", "Ask a librarian"),
    "request": ("申请借阅《{title}》", "Request “{title}”"),
    "open": ("查看原文", "Open the source"),
    "rule_of": ("{member}的规定：", "According to {member}: "),
    "no_own_rule": (
        "您所在的图书馆没有查到相应的规定，其他馆的规定供参考。",
        "Your own library states no such rule; others do. ",
    ),
    "holdings": ("馆藏：", "Held by: "),
    "available": ("在架可借", "available"),
    "reading_room": ("在馆阅览", "in the reading room"),
    "on_loan": ("已借出", "on loan"),
    "away": ("暂不可用", "not available"),
    "where_held": ("《{title}》哪里有", "Where can I find 《{title}》?"),
    "copies": ("{copies} 册", "{copies} copies"),
}


def say(key: str, language: Language, **parts: object) -> str:
    """The text ``key`` in the reader's language, with its parts put in."""
    chinese, english = _TEXTS[key]
    text = chinese if language == "zh" else english
    return text.format(**parts) if parts else text
