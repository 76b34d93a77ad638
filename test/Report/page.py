# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The page of lpu-objdump --html in a browser: it stands alone, draws, zooms, and what it
# says under the mouse is what lpu-objdump prints for that queue and cycle.
# REQUIRES: chromium, lpu-compile, lpu-objdump, lpu-test-seal, lpu-translate, onnx, model-minilm_ts_eager
# RUN: mkdir -p %t
# RUN: %python %s %t %S %models %case
# CASE: hand-written programs
# CASE: chain chain 12
# CASE: chips-1024 chain 1024
# CASE: minilm model
# CASE: minilm-pipeline model 1 4
# CASE: minilm-groups model 2 4
# CASE: blocks-equal equal 20 60
import json
import pathlib
import random
import re
import subprocess
import sys

folder, here, kind = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[4]
sys.path.append(str(here / "Inputs"))
from browser import Browser

LIMIT = 10 << 20  # bytes of a page


def command(*words):
    return subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True).stdout


def translate(name, text):
    (folder / f"{name}.mlir").write_text(text)
    command("lpu-translate", "--isa-to-binary", folder / f"{name}.mlir", "-o", folder / f"{name}.lpu")
    return folder / f"{name}.lpu"


def packages():
    if kind == "chain":
        return [translate("chain", command(sys.executable, here / "Inputs/relay.py", sys.argv[5]))]
    if kind == "model":
        width, stages = map(int, sys.argv[5:] or (1, 1))
        pins = ["--chips", width * stages, "--tp", width, "--pp", stages] if width * stages > 1 else []
        command("lpu-compile", pathlib.Path(sys.argv[3]) / "minilm_ts_eager.onnx", "--target", "lpu1", *pins,
                "--dim", "batch=1", "--dim", "seq=128", "-o", folder / "model.lpu", "--report", folder / "model.json")
        return [folder / "model.lpu"]
    if kind == "equal":
        return equal_chips(*map(int, sys.argv[5:]))
    made = []
    for name in "fetch_bound_loop", "all_reduce_two_chips", "layer_norm":
        command(sys.executable, here.parent / "programs" / f"{name}.py", folder / name)
        made += sorted((folder / name).glob("*.lpu"))
    return made


def equal_chips(*counts):
    """Pipelines of equal stages. A page has a schedule for each class, so it does not grow with chips."""
    mini, made = (here.parent / "Inputs/mini.yaml").read_text(), []
    for count in counts:
        name = f"blocks{count}"
        for key in "node_chips", "links":
            mini = re.sub(rf"^{key}: .*", f"{key}: {count}", mini, flags=re.M)
        (folder / f"{name}.yaml").write_text(mini)
        command(sys.executable, here.parent / "numerics/equal_blocks.py", count, folder / f"{name}.onnx")
        command("lpu-compile", folder / f"{name}.onnx", "--target", folder / f"{name}.yaml", "--chips", count, "--tp", 1,
                "--pp", count, "-o", folder / f"{name}.lpu", "--report", folder / f"{name}.json")
        command("lpu-objdump", "--html", folder / f"{name}.lpu", "-o", folder / f"{name}.html")
        made.append(folder / f"{name}.lpu")
    sizes = [package.with_suffix(".html").stat().st_size for package in made]
    assert max(sizes) < 1.1 * min(sizes), sizes
    return made


def disassembly(package):
    """(class, queue, cycle, instruction) of every line with a unit or a fetch; of loops the first iteration."""
    lines, place = [], None
    for line in command("lpu-objdump", package).splitlines():
        if head := re.match(r"class (\d+), (\w+ \d+) \(text", line):
            place = int(head[1]), head[2]
        elif instruction := re.match(r" *(\d+)  +((?:\w+\.\w+|fetch)\b.*)", line):
            lines.append((*place, int(instruction[1]), instruction[2]))
    assert lines
    return lines


def check(browser, package):
    page = package.with_suffix(".html")
    command("lpu-objdump", "--html", package, "-o", page)
    text = page.read_text()
    assert len(text) < LIMIT, len(text)
    # Nothing is loaded: no address but the name of the SVG namespace, no reference of HTML or CSS.
    assert set(re.findall(r"https?://[\w./]*", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"""\bsrc=|<link|@import|\burl\((?!#)|<iframe""", text)
    browser.open(page)
    assert browser.run("return performance.getEntriesByType('resource').length") == 0

    manifest = command("lpu-objdump", "--manifest", package)
    cycles = int(re.search(r"^predicted cycles: (\d+)$", manifest, re.M)[1])
    assert browser.run("return lpu.program.cycles") == cycles
    assert f"{cycles:,} cycles" in browser.run("return document.getElementById('stated').textContent")
    assert browser.run("return document.getElementById('mismatch').hidden")
    overview(browser)
    schedule(browser, disassembly(package))
    chips(browser, manifest)
    if package.with_suffix(".json").exists():
        system(browser, json.loads(package.with_suffix(".json").read_text()))
    tabs(browser)
    errors = browser.errors()
    assert not errors, errors
    print(f"{package.name}: {cycles} cycles, {len(text)} bytes")


def overview(browser):
    """Causes and kernels both add up to the program."""
    sums = browser.run("""const { schedule } = lpu.page, [all, ...rows] = schedule.times;
        const sum = (list) => list.reduce((a, b) => a + b, 0);
        return [schedule.cycles, sum(all.causes), rows.length ? sum(rows.map((r) => r.cycles)) : all.cycles,
                document.querySelectorAll('#times tbody tr').length, rows.length + 1];""")
    assert sums[0] == sums[1] == sums[2] and sums[3] == sums[4], sums
    if kind == "model" and len(sys.argv) == 5:
        assert sums[4] > 20, "the compiler names its kernels"
        names = browser.run("return document.getElementById('times').textContent")
        assert "layer.0/attention/output/dense" in names, names


def canvas_colors(browser, name="canvas"):
    return browser.run("""const c = document.getElementById(arguments[0]);
        const data = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer);
        const counts = new Map();
        for (const v of data) counts.set(v, (counts.get(v) || 0) + 1);
        return [...counts.values()].filter((n) => n > 20).length;""", name)


def view(browser):
    return browser.run("const v = lpu.page.timeline.view; return [v.from, v.to]")


def schedule(browser, lines):
    browser.run("lpu.page.showTab('schedule')")
    browser.frame()
    assert canvas_colors(browser) >= 5  # paper, grid, text, and more than one kind of run
    # The wheel zooms to the cycle under the mouse and back.
    x, y, under = browser.run("""const b = document.getElementById('canvas').getBoundingClientRect();
        const x = Math.round(b.x + b.width * 0.6);
        return [x, Math.round(b.y + b.height / 2), lpu.page.timeline.cycle(x - b.x)];""")
    whole = view(browser)
    browser.wheel(x, y, -400)
    near = view(browser)
    assert near[1] - near[0] < 0.6 * (whole[1] - whole[0]) or near[1] - near[0] == 8, (whole, near)
    assert near[0] < under < near[1]
    browser.run("document.getElementById('canvas').focus()")
    browser.keys("0")
    assert view(browser) == whole
    browser.keys("+")
    browser.keys("\ue014")  # right
    moved = view(browser)
    assert moved[0] > whole[0] and moved[1] - moved[0] < whole[1] - whole[0]
    # Under the mouse: what lpu-objdump prints for this queue and cycle.
    for name in browser.run("return [...document.querySelectorAll('#groups input')].map((box) => box.value)"):
        browser.run("lpu.page.timeline.toggle(arguments[0], true)", name)
    pick = random.Random(1)
    for number, queue, cycle, text in pick.sample(lines, min(25, len(lines))):
        browser.run("""const [number, cycle] = arguments, { page } = lpu;
            if (page.program.chips[page.chip] !== number) page.setChip(page.program.chips.indexOf(number));
            page.timeline.setView(cycle - 20, cycle + 30);""", number, cycle)
        browser.frame()
        browser.run("lpu.locate(...arguments)", queue, cycle)
        browser.frame()
        place = browser.run("return lpu.locate(...arguments)", queue, cycle)
        browser.mouse(place["x"], place["y"])
        tip = browser.run("""const tip = document.getElementById('tip');
            return tip.hidden ? null : [tip.querySelector('.head').textContent, tip.textContent];""")
        assert tip and tip[0] == text, (queue, cycle, text, tip)
        assert queue in tip[1] and f"{cycle:,}" in tip[1], tip
        assert ("link" in queue) == bool(re.search(r"link(to|from) chip \d+, link \d", tip[1])), tip
    # A click keeps it; N goes on to the next run of the queue.
    browser.click(place["x"], place["y"])
    assert browser.run("return document.querySelector('#details .head').textContent") == text
    step = "const { row, run } = lpu.page.timeline.selected; return [run, row.queue.start.length]"
    run, runs = browser.run(step)
    browser.keys("n")
    assert browser.run(step)[0] == min(run + 1, runs - 1)
    assert canvas_colors(browser) >= 5


def chips(browser, manifest):
    count = len(re.findall(r"^chip \d+:", manifest, re.M))
    browser.run("lpu.page.showTab('chips')")
    browser.frame()
    assert browser.run("return document.querySelectorAll('#plan .chip rect').length") == count
    assert canvas_colors(browser, "chip-times") >= 2
    if kind == "chain":
        stages, vectors = browser.run("return [lpu.page.chips.stageCount, lpu.program.wires.map((w) => w.vectors)]")
        assert stages == count and vectors == [6] * (count - 1), (stages, vectors)
        # Each chip is one stage later than the one that sends to it; a click chooses one.
        assert browser.run("return lpu.page.chips.stages") == list(range(count))
        box = browser.run("""const b = document.querySelectorAll('#plan .chip')[3].getBoundingClientRect();
            return [b.x + b.width / 2, b.y + b.height / 2]""")
        browser.click(*box)
        assert browser.run("return lpu.page.chip") == 3
        assert "chip 4sends1 to 06" in browser.run("return document.getElementById('peers').textContent")
        if count <= 48:
            assert browser.run("return document.querySelectorAll('#plan .wire').length") == count - 1


def system(browser, said):
    """The page and the report of lpu-compile, which read the text on their own, agree: what each class does, whose the
    latency is, and its causes. Kernels are named on every chip, and a chip's own are shown when it is chosen."""
    if said["chips"] == 1:
        assert browser.run("return document.getElementById('system').hidden")
        return
    path = browser.run("return lpu.page.system.path.map((leg) => [leg.chip, leg.flight, leg.from, leg.to])")
    assert path == [[leg["chip"], leg["what"] == "flight", leg["from"], leg["to"]] for leg in said["criticalPath"]], path
    assert browser.run("return lpu.page.system.causes") == list(said["latencyByCause"].values())
    turns = [leg for leg in path if not leg[1]]
    end = f"chip {turns[-1][0]} to {said['cycles']:,}." if len(turns) <= 24 else f"and {len(turns) - 24} more."
    assert browser.run("return document.getElementById('system-path').textContent").endswith(end)
    assert browser.run("return document.querySelectorAll('#system-causes .bar span').length") >= 4
    stages = [chip["stage"] for chip in said["stages"]]
    assert browser.run("return lpu.page.chips.stages") == stages, stages
    vectors = browser.run("return lpu.program.wires.map((w) => [w.fromChip, w.fromLink, w.toChip, w.toLink, w.vectors])")
    wires = [[w[k] for k in ("fromChip", "fromLink", "toChip", "toLink", "vectors")] for w in said["wires"]]
    assert sorted(w for w in vectors if w[4]) == sorted(wires)
    for number, own in enumerate(said["classes"]):
        chip = [c["class"] for c in said["stages"]].index(number)
        browser.run("lpu.page.setChip(arguments[0])", chip)
        assert browser.run("return [lpu.page.schedule.cycles, lpu.page.schedule.times[0].causes]") == \
            [own["cycles"], list(own["causes"].values())]
        named = [k["name"] for k in said["kernels"] if k["program"] == said["stages"][chip]["kind"]]
        spans = browser.run("return lpu.page.schedule.kernels.map((k) => [k.name, k.first, k.last, k.iteration])")
        assert sorted(k[0] for k in spans if k[3] == 0) == sorted(named), (number, named)
        # They are the program's, which follows what is received.
        work = said["stages"][chip]["programCycles"]
        assert 0 <= min(k[1] for k in spans) and max(k[2] for k in spans) < own["cycles"]
        assert max(k[2] for k in spans) - min(k[1] for k in spans) < work
        planes = browser.run("""const planes = lpu.page.schedule.queues.filter((q) => q.unit === 'pass' || q.unit === 'alu');
            return [Math.min(...planes.flatMap((q) => [...q.start])), Math.max(...planes.flatMap((q) => [...q.start]))]""")
        assert min(k[1] for k in spans) <= planes[0] and planes[1] <= max(k[2] for k in spans), (number, planes)
        assert named[-1] in browser.run("return document.getElementById('times').innerHTML")


def tabs(browser):
    """Tabs are reached by arrow keys; both colour schemes are legible (WCAG: 4.5 for text)."""
    browser.run("document.getElementById('tab-chips').focus()")
    browser.keys("\ue014")
    assert browser.run("return document.activeElement.id") == "tab-overview"
    assert not browser.run("return document.getElementById('overview').hidden")
    for scheme in "light", "dark":
        low = browser.run("""document.documentElement.style.colorScheme = arguments[0];
            lpu.page.palette.reset();
            const canvas = new OffscreenCanvas(1, 1).getContext('2d');
            const luminance = (color) => {
              canvas.fillStyle = color;
              canvas.fillRect(0, 0, 1, 1);
              const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
                .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
              return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const contrast = (a, b) => {
              const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
              return (high + 0.05) / (low + 0.05);
            };
            const get = (name) => lpu.page.palette.get(name), pairs = [];
            for (const ink of ['text', 'muted', 'accent', 'warning'])
              for (const paper of ['panel', 'page']) pairs.push([ink, paper, contrast(get(ink), get(paper))]);
            for (const name of document.querySelectorAll('#legend li'))
              pairs.push(['#111', name.dataset.category, contrast('#111', get(name.dataset.category))]);
            return pairs.filter(([, , value]) => value < 4.5);""", scheme)
        assert not low, (scheme, low)


def damaged_kernels(package):
    """The debug section is not trusted."""
    bad = package.with_name("damaged.lpu")
    for change in (b'"first":0,', b'"first":x,'), (b'"class":0,', b'"class":7,'), (b'"iterations":1,', b'"iterations":0,'):
        bad.write_bytes(package.read_bytes().replace(*change, 1))
        subprocess.run(["lpu-test-seal", bad], check=True)
        done = subprocess.run(["lpu-objdump", "--html", bad, "-o", bad.with_suffix(".html")], capture_output=True, text=True)
        assert done.returncode == 1 and "debug section 'kernels' is damaged" in done.stderr, (change, done)
        assert not bad.with_suffix(".html").exists()


with Browser() as browser:
    for package in packages():
        check(browser, package)
        if kind == "model" and len(sys.argv) == 5:
            damaged_kernels(package)
