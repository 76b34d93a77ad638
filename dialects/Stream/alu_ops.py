#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One op of the stream dialect per ALU instruction of dialects/ISA/instructions.toml.

    alu_ops.py instructions.toml --include DIR   AluOps.td, AluOps.inc

The instruction table has names, shapes and meanings; this file adds what SSA needs: whether an
operand is taken as fp32 or as int32.
"""
import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "ISA"))
import generate  # noqa: E402

# operands > result: f fp32, i int32, t either of the two, the same throughout.
SIGNATURES = {
    "t>t": "mov",
    "f>f": "abs neg floor trunc rint exp2 log2 tanh erf rsqrt sqrt recip "
           "reduce_sum reduce_max reduce_min acc_sum acc_max acc_min",
    "f>i": "f2i reduce_argmax acc_argmax",
    "i>f": "i2f",
    "ff>f": "add sub mul min max",
    "ff>i": "cmpeq cmplt cmple cmpuno",
    "ii>i": "iadd isub imul imin imax icmpeq icmplt icmple and or xor shl shr sar",
    "fff>f": "muladd",
    "itt>t": "select",
}
# setconst belongs to the scheduler: it loads the lane constant that a ternary op's splat becomes.
NOT_A_NODE = {"setconst"}
TYPES = {"f": "Stream_F32", "i": "Stream_I32", "t": "Stream_Vector"}
BASES = {"reduce": "Stream_ReduceOp", "acc": "Stream_AccOp"}


def signature_of(instruction, signatures):
    name = instruction.name.removeprefix("alu.")
    if name not in signatures:
        generate.fail(f"dialects/Stream/alu_ops.py: no signature for '{name}'")
    operands, result = signatures.pop(name).split(">")
    wanted = {"ternary": 3, "binary": 2}.get(instruction.shape, 1)
    if len(operands) != wanted:
        generate.fail(f"dialects/Stream/alu_ops.py: '{name}' takes {wanted} operands")
    return name, operands, result


def definition(instruction, name, operands, result):
    arguments = ", ".join(f"{TYPES[t]}:${n}" for t, n in zip(operands, "abc"))
    base = BASES.get(instruction.shape, "Stream_AluOp")
    same = [f'"{n}"' for t, n in zip(operands, "abc") if t == "t"]
    traits = f'[AllTypesMatch<[{", ".join(same + [chr(34) + "result" + chr(34)])}]>]' if same else "[]"
    lines = [f'def Stream_{generate.class_name(name)}Op : {base}<"{name}", "{instruction.identifier}",',
             f"    (ins {arguments}), {TYPES[result]}, {traits}> {{",
             f"  let summary = [{{{instruction.summary}}}];"]
    if same:
        lines.append('  let assemblyFormat = "operands attr-dict `:` type($result)";')
    return "\n".join(lines) + "\n}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("--include", type=pathlib.Path, required=True)
    args = parser.parse_args()
    signatures = {name: s for s, names in SIGNATURES.items() for name in names.split()}
    header = "// Generated from dialects/ISA/instructions.toml by dialects/Stream/alu_ops.py. Do not edit.\n"
    td, inc = [header], [header]
    for instruction in generate.load(args.table):
        if not instruction.shape or instruction.name.removeprefix("alu.") in NOT_A_NODE:
            continue
        name, operands, result = signature_of(instruction, signatures)
        td.append(definition(instruction, name, operands, result))
        inc.append(f'LPU_STREAM_ALU_OP({generate.class_name(name)}Op, {instruction.identifier}, '
                   f'"{operands}", \'{result}\')\n')
    if signatures:
        generate.fail(f"dialects/Stream/alu_ops.py: unknown instructions: {', '.join(signatures)}")
    generate.write(args.include / "AluOps.td", "".join(td))
    generate.write(args.include / "AluOps.inc", "".join(inc))


if __name__ == "__main__":
    main()
