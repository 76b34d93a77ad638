# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The picture of docs/fabric.md is made from a package by one command, and shows what the compiler reports of it.
# REQUIRES: lpu-compile, lpu-objdump, lpu-verify, onnx
# RUN: rm -rf %t && mkdir -p %t
# RUN: %python %root/scripts/fabric_picture.py --build %tools/.. -o %t/fabric.svg --keep %t
# RUN: %python %s %t %root
import json
import pathlib
import sys
import xml.etree.ElementTree as tree

folder, root = map(pathlib.Path, sys.argv[1:])
said = json.loads((folder / "m.json").read_text())
for path in folder / "fabric.svg", root / "docs/fabric.svg":
    picture = tree.parse(path).getroot()
    words = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    if path.parent == folder:
        assert f"Schedule: {said['cycles']:,} cycles." in " ".join(words), words
        for chip, stage in enumerate(said["stages"]):
            assert f"class {stage['class']}, start {stage['start']:,}" in words, stage
        # Fewer texts than chips, and a colour for each.
        classes = {stage["class"] for stage in said["stages"]}
        assert 1 < len(classes) < len(said["stages"])
    boxes = list(picture.iter("{http://www.w3.org/2000/svg}rect"))
    assert len(boxes) > 100 and any("resync in" in text for text in words)
    assert all(0 <= float(box.get("x", 0)) and float(box.get("x", 0)) + float(box.get("width")) <= 1181 for box in boxes)
    assert "http://" not in path.read_text().replace("http://www.w3.org/2000/svg", ""), "the picture stands alone"
print(f"{len(boxes)} boxes")
