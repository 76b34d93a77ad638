# Every file that the documentation names exists: link targets, and words in code
# that start with a folder of this tree. docs/README.md links every page.
# RUN: %python %s %root
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
folders = "|".join(re.escape(p.name) for p in root.iterdir()
                   if p.is_dir() and not p.name.startswith((".", "build")))
link = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
word = re.compile(rf"(?<![\w/.$-])((?:{folders})/[\w./-]*\w/?)")
# <name>.h, machines/*.yaml and the like are patterns, not files.
pattern = re.compile(rf"(?:{folders})/[\w./-]*[*<{{][^\s`]*")
pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
assert len(pages) > 3, pages
missing, checked = [], 0
for page in pages:
    text = page.read_text()
    named = [(page.parent / t, t) for t in link.findall(text) if "://" not in t]
    named += [(root / t, t) for t in word.findall(pattern.sub("", link.sub("", text)))]
    for path, name in named:
        checked += 1
        if not path.exists():
            missing.append(f"{page.relative_to(root)}: {name} does not exist")
index = root / "docs" / "README.md"
listed = {(index.parent / t).resolve() for t in link.findall(index.read_text())}
for page in pages[1:]:
    if page != index and page.resolve() not in listed:
        missing.append(f"docs/README.md does not list {page.relative_to(root)}")
print("\n".join(missing) or f"{checked} names checked")
sys.exit(bool(missing) or checked < 10)
