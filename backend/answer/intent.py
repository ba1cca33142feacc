"""What does the reader want? Pure rules over the folded question, tested as a table.

Rules only choose the way an answer is looked for; what is answered is decided by the evidence. So a doubtful question
is a plain ``question`` and searched everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from backend.answer.values import Intent, Language
from backend.search.query import parse

_HAN = re.compile(r"[\u3400-\u9fff]")
_TITLE = re.compile(r"《[^》]*》")
_LATIN = re.compile(r"[A-Za-z]{2,}")
_IDENTIFIER = re.compile(r"\b(?:ISBN|ISSN|GB|ISO|IEC|DOI)\b[\w\s./-]*", re.I)

_GREETING = re.compile(
    r"(你好|您好|早上好|下午好|晚上好|哈喽|嗨|在吗|在么|有人吗|hi|hello|hey|good (morning|afternoon|evening))"
    r"(你好|您好|啊|呀|呢|吗|there|[\s，,。.!！?？~])*"
)
_THANKS = re.compile(
    r"(非常|太|多)?(谢谢|感谢|多谢|辛苦)(你|您|了|啦|啊|哦|帮助|[\s，,。.!！~])*|thanks?( you)?( very much|"
    r" a lot)?[.!\s]*|"
    r"(好的|好|明白了?|知道了|ok|okay|再见|拜拜|bye|goodbye)[\s，,。.!！~]*(谢谢你?|thanks)?[\s，,。.!！~]*"
)
_ABOUT_SELF = re.compile(
    r"(你|您)(是谁|叫什么|是什么|是机器人吗|能做什么|会什么|会做什么|可以做什么|能帮我(做)?什么|有什么功能)|"
    r"(who are you|what can you do|are you (a )?(bot|robot|human)).*"
)
_LIBRARIAN = re.compile(
    r"(转|找|接|联系|呼叫|请|要|换|和|跟|问)(一?下|一?个|到)?(人工|真人|馆员|图书管理员|客服|工作人员|老师)(服务|客服|说|聊|谈|帮|咨询|对话|$|[。！!？?吧])|"
    r"^(人工|人工服务|人工客服|馆员|转人工)$|我要投诉|"
    r"(talk|speak|chat|connect)( me)?( to| with)? (a |an |the )?(librarian|human|person|agent|staff|real person)"
)
_NUMBER = re.compile(r"(?<![A-Za-z0-9])LW-?[A-Za-z0-9]{4}-?[A-Za-z0-9]{5}(?![A-Za-z0-9])", re.I)
_STATUS = re.compile(
    r"(我的?|之前|上次|刚才|那个|这个|昨天|前天)[^。？?]{0,12}(申请|请求|预约|传递|订单|互借|预借)[^。？?]{0,12}"
    r"(到哪|哪一?步|进度|状态|怎么样了|怎样了|如何了|处理|到了吗|好了吗|什么情况|进展|批了|查)|"
    r"(申请|请求|互借|传递|单)号?[^。？?]{0,4}[A-Za-z]*-?\d{4,}[^。？?]{0,12}|查(一下|询)?我?的?(申请|请求|互借|传递)(进度|状态)|"
    r"(where is|status of|track|progress of) (my )?(request|order|loan|copy)|my request"
)
_REQUEST = re.compile(
    r"(我(想|要|需要)|帮我|请帮我|请为我|可以帮我|能帮我|麻烦)[^。？?]{0,6}(借|预约|申请|传递|复印|扫描|调|订|馆际互借|复制)"
    r"(?!书证|阅证|书卡|记录|阅规则|期|条件)|(馆际互借|文献传递|预约|预借)[^，。？?]{0,4}《|"
    r"《[^》]+》[^。？?]{0,4}(怎么|如何|可以|能不能|能|想)[^。？?]{0,3}(借|申请|预约|复印|传递)|"
    r"(那|这)(本|册|部|篇|个)[^。？?]{0,4}(怎么|如何|可以|能不能|能|想)[^。？?]{0,3}(借|申请|预约|复印|传递)|"
    r"^(借|预约|申请)(那|这|第)[^。？?]{1,6}(本|册|部|篇)|"
    r"(i (want|would like|need|'d like) to|please|can i|may i|could i) (borrow|request|order|reserve|get a copy)"
)
_BOOK_WORDS = (
    r"(图书(?!馆)|书籍|书刊|著作|教材|小说|传记|文集|词典|字典|辞典|期刊|杂志|报纸|画册|绘本|论文集|"
    r"专著|译本|版本|参考书|工具书)"
)
_FIND = re.compile(
    r"(有没有|有无|有哪些|有什么|找一?下?|查一?下?|推荐|想看|想读|想借|搜一?下?|检索|求)[^。？?]{0,24}"
    + _BOOK_WORDS
    + r"|(出版|近[\d一二三四五六七八九十]+年|最新)[^。？?]{0,8}(的书|"
    + _BOOK_WORDS[1:-1]
    + r")[？?。]?$"
    + r"|(有没有|有哪些|有什么|找|推荐|想看|想读|查)[^。？?]{0,24}的书|的书(吗|呢|有哪些|推荐)?[？?。]?$|"
    r"(写|著|编|译|主编|编著)的(书|作品|小说|著作|"
    + _BOOK_WORDS[1:-1]
    + r")|(有没有|有|找|查|借到)[^。？?]{0,6}《[^》]+》|^《[^》]+》$|"
    r"关于[^。？?]{1,24}的(书|" + _BOOK_WORDS[1:-1] + r"|资料)|"
    r"\b(books?|novels?|textbooks?|titles?) (about|on|by|written)|(do you have|any|find|looking for|"
    r"recommend)\b.*\b(books?|novels?|works)"
)
_LOCATE = re.compile(
    r"(哪里|哪儿|哪个馆|哪家馆|哪些馆|哪几个馆|哪个图书馆|哪家图书馆|哪些图书馆|什么地方)(可以|能|还)?(有|借|借到|找到|收藏|馆藏|可借)|"
    r"(索书号|馆藏地|馆藏位置|在哪个?(书架|馆|楼层?)|放在哪|在架|借出(去)?了吗|还有吗|能借吗|可借吗)|"
    r"(《[^》]+》|那本|这本|该书|第.{1,2}本|它)[^。？?]{0,8}(在哪|在不在|有没有|哪里有|哪儿有)|"
    r"(which|what) librar(y|ies) (has|have|holds?|own)|where (can i (find|borrow|get)|is) .*(book|copy|《|it)|"
    r"call number"
)
_POLICY_WORDS = (
    r"(开放时间|开馆|闭馆|开门|关门|几点|借书证|读者证|借阅证|借书卡|校园卡|办证|办卡|退证|押金|借期|借阅期限|借阅规则|借阅权限|"
    r"续借|逾期|超期|罚款|滞纳金|违约金|赔偿|丢失|遗失|挂失|损坏|污损|预约|还书|借几本|借多少本|可借册数|册数|馆际互借|文献传递|原文传递|"
    r"复印|打印|扫描|自习|座位|占座|研讨室|讨论室|存包|寄存|储物柜|无线网|wifi|上网|电子资源|数据库|校外访问|vpn|查新|查收查引|"
    r"停车|饮水|吃东西|饮食|宠物|拍照|残障|无障碍|轮椅|儿童|少儿|亲子|讲座|培训|志愿者|捐赠|捐书|荐购|投诉|联系电话|电话|地址|交通|"
    r"服务|收费|费用|节假日|周末|周一|周六|周日|寒假|暑假|春节|国庆|企业分馆|定题服务|代检代查|通借通还|规定|办法|制度|流程)"
)
_POLICY = re.compile(
    _POLICY_WORDS
    + r"|(可以|能|能不能|可不可以)(带|外借|借走|吃|喝|睡|聊天)|怎么(借|还|办|申请|续|查|预)|如何(借|还|办|申请|续|预)|"
    r"借(书|阅)[^。？?]{0,6}(多久|几天|多长|多少|几本)|(借|还)书|最多(可以|能)?借|"
    r"\b(open(ing)?|close|hours|renew|overdue|fine|deposit|library card|loan period|borrow how many|"
    r"interlibrary|photocop|wi-?fi|parking)\b"
)
_INDUSTRY = re.compile(
    r"(国家标准|行业标准|国标|企业标准|标准号|现行标准|(这|那|该)(个|项|份)标准|标准.{0,8}(代替|替代|废止|现行|实施|状态|有效|作废)|"
    r"代替.{0,6}标准|行业(动态|资讯|新闻|发展|趋势)|产业(动态|政策)|最新(进展|动态|消息|研究)|研究成果|专利|市场(规模|行情)|技术要求)|"
    r"(gb|ts|iso|iec|db\d*|hg|jb|qb|yb|ny|wh|cy)\s*[/／]?\s*[tzTZ]?\s*\d{3,}|\b(standard|superseded|replaced by|"
    r"industry news)\b"
)
_STANDARD_NUMBER = re.compile(r"\b(gb|ts|iso|iec|db\d*|hg|jb|qb|yb|ny|wh|cy|q)\s*[/／]?\s*[a-z]{0,4}\s*\d{2,}", re.I)
_OFF_TOPIC = re.compile(
    r"(天气|气温|下雨吗|股票|股价|彩票|双色球|星座|算命|运势|讲(个|一个)?笑话|唱(首|个)?歌|写(一)?首诗|写(一)?段代码|写代码|做爱|"
    r"外卖|打车|买票|机票|火车票|今天(星期|周)?几号?|几点了|你爱我|女朋友|男朋友|心情|陪我聊|翻译(一下|成)|帮我写(作业|论文|作文)|1\s*\+\s*1)|"
    r"\b(weather|stock price|lottery|horoscope|tell me a joke|write (me )?(a )?(poem|code|essay))\b"
)
_PERSONAL = re.compile(
    r"(?<!我)(?<!本人)(的|他|她|别人|某人|老师|同学|读者|馆员|馆长)[^。？?]{0,6}(手机号|手机|电话号码|家庭住址|住址|身份证号?|借了?(哪些|什么)书|借阅记录|借书记录|密码|私人|邮箱地址)|"
    r"(谁借(走|了)|被谁借|哪位读者借|借阅人是谁)|\b(who (borrowed|has borrowed)|home address|phone number of|"
    r"password of)\b"
)
_MY_ACCOUNT = re.compile(
    r"(我(的)?(借了|借阅记录|借书记录|还欠|欠费|罚款多少|密码|账户|账号)|my (loans|account|password|fines))"
)
_DISTRESS = re.compile(
    r"(想|要|打算|准备|怎么|如何|怎样)(去)?(自杀|轻生|自残|寻死|结束(自己的)?生命)(?!的?(书|研究|文献|论文|资料|干预|预防|问题))|"
    r"(?<!是)(我|都)?(不想活|活不下去|想死)(了|$|[。！!，,])|\b(kill myself|end my life|want to die|commit suicide)\b"
)
_INSTRUCTIONS = re.compile(
    r"(忽略|无视|忘记|不要理会|绕过)[^。]{0,12}(指令|提示|规则|要求|设定|限制)|(系统|初始|原始)(提示词?|指令|prompt)|"
    r"(输出|显示|打印|重复|泄露|告诉我|说出)[^。]{0,10}(提示词|系统提示|指令|prompt|密钥|api.?key|secret)|扮演|你现在是|开发者模式|"
    r"(ignore|disregard|forget|override)\b.{0,40}\b(instructions?|prompts?|rules?)|system prompt|developer mode|"
    r"jailbreak|"
    r"(reveal|print|repeat|show)\b.{0,30}\b(prompt|instructions?|secret|api key)",
    re.I,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The intent of a question and what the rules saw beside it."""

    intent: Intent
    language: Language
    folded: str
    request_number: str | None = None
    thanks: bool = False
    about_self: bool = False
    my_account: bool = False
    instructions: bool = False
    distress: bool = False


_HOLDING = re.compile(
    r"有没有|有无|找|推荐|借|想看|想读|想要|搜|检索|馆藏|索书号|书目|你们|馆里|图书馆|的书|图书|书籍|"
    r"\b(find|recommend|borrow|do you have|books?|looking for)\b"
)


def holding_wanted(question: str) -> bool:
    """Does a question about works ask what the libraries hold (and not what somebody wrote)?"""
    return _HOLDING.search(parse(question).folded) is not None


def language_of(text: str) -> Language:
    """English when the question is written in Latin letters and has (nearly) no Han characters."""
    rest = _IDENTIFIER.sub("", _TITLE.sub("", text))
    return "en" if len(_HAN.findall(rest)) < len(_LATIN.findall(rest)) else "zh"


def read(question: str) -> Reading:
    """The intent of a question that stands on its own (see :mod:`backend.chat.rewrite` for those that do not)."""
    folded = parse(question).folded.strip()
    plain = folded.strip(" \t。，！？!?,.~～")
    intent = _intent(folded, plain)
    number = _NUMBER.search(question) if intent is Intent.REQUEST_STATUS else None
    return Reading(
        intent=intent,
        language=language_of(question),
        folded=folded,
        request_number=number.group() if number else None,
        thanks=bool(_THANKS.fullmatch(folded)),
        about_self=bool(_ABOUT_SELF.search(folded)),
        my_account=bool(_MY_ACCOUNT.search(folded)),
        instructions=bool(_INSTRUCTIONS.search(folded)),
        distress=bool(_DISTRESS.search(folded)),
    )


def _intent(folded: str, plain: str) -> Intent:
    if _GREETING.fullmatch(folded) or _THANKS.fullmatch(folded) or _ABOUT_SELF.search(plain):
        return Intent.GREETING
    if _INSTRUCTIONS.search(folded):
        return Intent.OFF_TOPIC
    if _LIBRARIAN.search(plain) or _DISTRESS.search(folded):
        return Intent.LIBRARIAN
    if _STATUS.search(folded) or _NUMBER.search(folded):
        return Intent.REQUEST_STATUS
    if _PERSONAL.search(folded) or _MY_ACCOUNT.search(folded):
        return Intent.PERSONAL
    for pattern, intent in _ORDER:
        if pattern.search(folded):
            return intent
    return Intent.QUESTION


_ORDER: tuple[tuple[re.Pattern[str], Intent], ...] = (
    (_LOCATE, Intent.LOCATE),
    (_REQUEST, Intent.REQUEST_ITEM),
    (_STANDARD_NUMBER, Intent.INDUSTRY),
    (_FIND, Intent.FIND_ITEM),
    (_OFF_TOPIC, Intent.OFF_TOPIC),
    (_INDUSTRY, Intent.INDUSTRY),
    (_POLICY, Intent.POLICY),
)
