// The manifest must state the cycles that the text takes.
// RUN: lpu-translate --isa-to-binary %s -o %t.lpu
// RUN: not lpu-verify %t.lpu | FileCheck %s
// CHECK: refused: the manifest states 12 cycles, the text takes 11
isa.program @cycles machine "nano" cycles 12 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 0 repeat 4 every 2 bank = 0, offset = 0, stride = 1, dir = east, stream = 0
      isa.halt at 7
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.write at 3 repeat 4 every 2 bank = 0, offset = 0, stride = 1, dir = east, stream = 0, last
      isa.halt at 10
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 4 hex ["fee32279f2bc068266a752c0ba9551f2", "fee32279f2bc068266a752c0ba9551f2", "fee32279f2bc068266a752c0ba9551f2", "fee32279f2bc068266a752c0ba9551f2"]
  }
}
