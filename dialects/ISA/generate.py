#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Everything that is generated from the instruction table.

    generate.py instructions.toml --include DIR   C++ tables, ODS definitions
    generate.py instructions.toml --reference F   docs/isa-reference.md
    generate.py instructions.toml --list          names, one per line

Files are written only if their contents change, so that a build does not
recompile for nothing.
"""
import argparse
import dataclasses
import pathlib
import sys
import tomllib

WIDTHS = {"operand": 14, "dest": 12, "imm": 32}
KINDS = {"u": "Unsigned", "s": "Signed", "operand": "Operand", "dest": "Dest", "imm": "Imm"}
DELAYS = {  # the delay text of the table -> DelayKind, formula for the reference
    "": ("None", "none: no effect behind its own cycle"),
    "sram_read": ("SramRead", "`delay_sram_read`"),
    "sram_write": ("SramWrite", "`delay_sram_write`"),
    "alu": ("Alu", "[`delay_convert` +] `delay_alu` [+ `delay_convert`]"),
    "transcendental": ("Transcendental",
                       "[`delay_convert` +] `delay_transcendental` [+ `delay_convert`]"),
    "reduce": ("Reduce", "[`delay_convert` +] `delay_reduce_base` + `delay_reduce_step` x "
                         "ceil(log2 group) [+ `delay_convert`]"),
    "1": ("One", "1"),
    "swap": ("Swap", "`delay_swap`"),
    "matrix": ("Matrix", "ceil(`plane_rows` / 16) + `delay_matrix_int8` or `delay_matrix_fp16`"),
    "drain": ("Drain", "`delay_drain`"),
    "shuffle": ("Shuffle", "`delay_shuffle`"),
    "transpose": ("Transpose", "`delay_transpose`"),
    "rest": ("Rest", "`link_interval` + 2 x `link_margin`"),
}
FIRST_OPERAND_BIT, WORD_BITS, MAX_FIELDS = 48, 128, 12
ALU_SHAPES = {
    "unary": ("alu", ["a", "dst", "imm"]),
    "transcendental": ("transcendental", ["a", "dst", "imm"]),
    "binary": ("alu", ["a", "b", "dst", "imm"]),
    "ternary": ("alu", ["a", "b", "dst", "c"]),
    "reduce": ("reduce", ["a", "dst", ("group", "u", 4)]),
    "acc": ("alu", ["a", "dst", ("period", "u", 12), ("init", "u", 1)]),
}
UNITS = ["any", "mem", "alu", "weights", "pass", "drain", "shuffle", "transpose",
         "link_send", "link_recv", "control"]


def fail(text):
    sys.exit(f"instructions.toml: {text}")


@dataclasses.dataclass
class Field:
    name: str
    kind: str
    bit: int
    width: int


@dataclasses.dataclass
class Instruction:
    name: str
    opcode: int
    unit: str
    repeat: bool
    delay: str
    fields: list
    summary: str
    shape: str = ""  # of ALU instructions
    max_bytes: str = "0"
    max_macs: str = "0"

    @property
    def identifier(self):
        return self.name.replace(".", "_")


def lay_out(name, fields):
    """Field offsets in listed order, from bit 48 on, without gaps."""
    bit, result = FIRST_OPERAND_BIT, []
    for field in fields:
        field_name, kind = field[0], field[1]
        width = field[2] if len(field) == 3 else WIDTHS[kind]
        if kind not in KINDS or not 1 <= width <= 64:
            fail(f"{name}: field {field_name}: unknown kind '{kind}' or width {width}")
        result.append(Field(field_name, kind, bit, width))
        bit += width
    if bit > WORD_BITS or len(result) > MAX_FIELDS:
        fail(f"{name}: {bit - FIRST_OPERAND_BIT} operand bits of 80, {len(result)} fields of {MAX_FIELDS}")
    if len({f.name for f in result}) != len(result):
        fail(f"{name}: a field name occurs twice")
    return result


def alu_fields(shape):
    kind_of = {"a": "operand", "b": "operand", "c": "operand", "dst": "dest", "imm": "imm"}
    return [(f, kind_of[f]) if isinstance(f, str) else f for f in ALU_SHAPES[shape][1]]


def load(path):
    table = tomllib.loads(path.read_text())
    if list(table["unit"]) != UNITS:
        fail("the units differ from those that generate.py knows")
    result = []
    for i in table["i"]:
        result.append(Instruction(i["name"], i["opcode"], i["unit"], i.get("repeat", True),
                                  i.get("delay", ""), lay_out(i["name"], i["fields"]),
                                  i["summary"], "", i.get("max_bytes", "0"), i.get("max_macs", "0")))
    summaries = dict(table["alu"]["summary"])
    for shape, (delay, _) in ALU_SHAPES.items():
        group = table["alu"][shape]
        for number, name in enumerate(group["names"]):
            if name not in summaries:
                fail(f"alu.summary has no line for '{name}'")
            result.append(Instruction("alu." + name, group["base"] + number, "alu", True, delay,
                                      lay_out(name, alu_fields(shape)), summaries.pop(name), shape))
    if summaries:
        fail(f"alu.summary has lines for unknown names: {', '.join(summaries)}")
    result.sort(key=lambda i: i.opcode)
    for first, second in zip(result, result[1:]):
        if first.opcode == second.opcode:
            fail(f"{first.name} and {second.name} share opcode {first.opcode:#x}")
    if len({i.name for i in result}) != len(result):
        fail("an instruction name occurs twice")
    for i in result:
        if i.unit not in UNITS or i.delay not in DELAYS or not 0 < i.opcode < 256:
            fail(f"{i.name}: unknown unit or delay, or opcode outside 1 .. 255")
    return result


HEADER = "// Generated from dialects/ISA/instructions.toml by generate.py. Do not edit.\n"


def opcodes_inc(instructions):
    return HEADER + "".join(f"LPU_OPCODE({i.identifier}, {i.opcode:#04x})\n" for i in instructions)


def fields_inc(instructions):
    out = [HEADER]
    for i in instructions:
        if i.fields:
            names = ", ".join(f"{f.name} = {n}" for n, f in enumerate(i.fields))
            out.append(f"namespace {i.identifier} {{ constexpr unsigned {names}; }}\n")
    return "".join(out)


def table_inc(instructions):
    out = [HEADER]
    for i in instructions:
        if i.fields:
            rows = "".join(f'    {{"{f.name}", FieldKind::{KINDS[f.kind]}, {f.bit}, {f.width}}},\n'
                           for f in i.fields)
            out.append(f"const FieldInfo {i.identifier}_fields[] = {{\n{rows}}};\n")
    out.append("const InstructionInfo table[] = {\n")
    for i in instructions:
        words = i.unit.split("_")
        unit = "std::nullopt" if i.unit == "any" else "Unit::" + "".join(w.capitalize() for w in words)
        fields = f"{i.identifier}_fields" if i.fields else "{}"
        summary = i.summary.replace('"', '\\"')
        out.append(f'    {{Opcode::{i.identifier}, "{i.name}", {unit}, {str(i.repeat).lower()}, '
                   f'DelayKind::{DELAYS[i.delay][0]}, {fields},\n     "{summary}"}},\n')
    out.append("};\n")
    return "".join(out)


def class_name(name):
    return "".join(part.capitalize() for part in name.replace(".", "_").split("_"))


def ops_td(instructions):
    """loop and endloop become the region op isa.loop, which is written by hand."""
    out = [HEADER]
    for i in instructions:
        if i.name in ("loop", "endloop"):
            continue
        out.append(f'def ISA_{class_name(i.name)}Op : ISA_InstructionOp<"{i.name}", "{i.identifier}"> {{\n'
                   f"  let summary = [{{{i.summary}}}];\n}}\n")
    return "".join(out)


def ops_inc(instructions):
    return HEADER + "".join(f"LPU_INSTRUCTION_OP({class_name(i.name)}Op)\n" for i in instructions
                            if i.name not in ("loop", "endloop"))


def describe_kind(field):
    if field.kind == "u":
        return "unsigned" if field.width > 1 else "flag"
    return {"s": "signed", "operand": "operand", "dest": "destination", "imm": "immediate"}[field.kind]


def reference_md(instructions):
    out = ["""# Instruction reference

Generated from `dialects/ISA/instructions.toml` by `dialects/ISA/generate.py`; do not edit.
[isa.md](isa.md) has the exact semantics. Every word: opcode bits 0-7, `wait` 8-23, `count` 24-39,
`interval` 40-47, operand fields from bit 48 on; all other bits zero. Operands in square brackets of a delay
apply if a stream operand (first) or the destination (second) is narrower than 32 bits.

Every instruction has a conformance test `test/runtime/emulator/conformance/<name>.mlir`.

| instruction | opcode | queue | shape | summary |
| --- | --- | --- | --- | --- |
"""]
    for i in instructions:
        anchor = i.name.replace(".", "")
        out.append(f"| [{i.name}](#{anchor}) | {i.opcode:#04x} | {i.unit} | {i.shape or '-'} | {i.summary} |\n")
    for i in instructions:
        out.append(f"\n## {i.name}\n\n{i.summary}\n\n")
        out.append(f"Opcode {i.opcode:#04x}, {'any queue' if i.unit == 'any' else i.unit + ' queue'}, "
                   f"{'repeatable' if i.repeat else 'count is 1'}. Delay: {DELAYS[i.delay][1]}.")
        if i.max_bytes != "0":
            out.append(f" At most {i.max_bytes} bytes")
            out.append(f" and {i.max_macs} multiply-adds an issue." if i.max_macs != "0" else " an issue.")
        out.append("\n")
        if i.fields:
            out.append("\n| field | bits | kind |\n| --- | --- | --- |\n")
            for f in i.fields:
                bits = f"{f.bit}-{f.bit + f.width - 1}" if f.width > 1 else f"{f.bit}"
                out.append(f"| `{f.name}` | {bits} | {describe_kind(f)} |\n")
    return "".join(out)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("--include", type=pathlib.Path)
    parser.add_argument("--reference", type=pathlib.Path)
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    instructions = load(args.table)
    if args.include:
        write(args.include / "Opcodes.inc", opcodes_inc(instructions))
        write(args.include / "Fields.inc", fields_inc(instructions))
        write(args.include / "Table.inc", table_inc(instructions))
        write(args.include / "InstructionOps.td", ops_td(instructions))
        write(args.include / "InstructionOps.inc", ops_inc(instructions))
    if args.reference:
        write(args.reference, reference_md(instructions))
    if args.list:
        print("\n".join(i.name for i in instructions))


if __name__ == "__main__":
    main()
