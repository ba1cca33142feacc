"""Files as suppliers send them, and as somebody with other plans does."""

from __future__ import annotations

import io

import pikepdf
from PIL import Image
from reportlab.pdfgen.canvas import Canvas


def pdf(pages: int = 3, *, text: str = "Original page", size: tuple[float, float] = (595, 842)) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=size)
    for number in range(1, pages + 1):
        canvas.drawString(72, size[1] / 2, f"{text} {number}")
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def changed(source: bytes, **encryption: object) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(source))


def active_pdf() -> bytes:
    """A PDF that runs a script when opened, starts a program, carries files, asks a form home, reads another file."""
    made = changed(pdf(1))
    made.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert('evil')"))
    made.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([]), XFA=pikepdf.String("<evil-xfa/>"))
    made.attachments["evil.exe"] = b"MZ evil-attachment"
    page = made.pages[0].obj
    page.AA = pikepdf.Dictionary(O=pikepdf.Dictionary(S=pikepdf.Name.Launch, F=pikepdf.String("cmd.exe")))
    page.Annots = made.make_indirect(
        pikepdf.Array([
            pikepdf.Dictionary(
                Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 500, 500],
                A=pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String("https://evil.example/")),
            )
        ])
    )  # fmt: skip
    outside = pikepdf.Stream(made, b"")
    outside.F = pikepdf.String("/etc/passwd")
    page.Resources["/XObject"] = pikepdf.Dictionary(X1=made.make_indirect(outside))
    made.docinfo["/Author"] = "evil-author"
    return saved(made)


def locked_pdf(*, owner_only: bool = False) -> bytes:
    lock = pikepdf.Encryption(owner="owner", user="" if owner_only else "user")
    file = io.BytesIO()
    changed(pdf(1)).save(file, encryption=lock)
    return file.getvalue()


def looping_pdf() -> bytes:
    """Its tree of pages contains itself."""
    made = changed(pdf(1))
    made.Root.Pages.Kids.append(made.Root.Pages)
    return saved(made)


def inherited_pdf() -> bytes:
    """Size and resources stand in the parent of the pages, the page itself is turned and cropped."""
    made = changed(pdf(2))
    for page in made.pages:
        page.obj.Parent.MediaBox, page.obj.Parent.Resources = page.obj.MediaBox, page.obj.Resources
        del page.obj["/MediaBox"], page.obj["/Resources"]
        page.obj.Rotate = 90
    return saved(made)


def saved(made: pikepdf.Pdf) -> bytes:
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def picture(kind: str = "JPEG", size: tuple[int, int] = (400, 600), mode: str = "RGB", pages: int = 1) -> bytes:
    file = io.BytesIO()
    frames = [Image.new(mode, size, color=0 if mode == "1" else None) for _ in range(pages)]
    more = {"save_all": True, "append_images": frames[1:]} if pages > 1 else {}
    frames[0].save(file, kind, **more)
    return file.getvalue()
