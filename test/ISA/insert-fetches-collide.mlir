// A loop of which the first rows and the last collide in the buffer, which shows only when
// its fetches are there: nops move its end.
// RUN: lpu-opt --isa-insert-fetches %s -o %t.mlir
// RUN: FileCheck %s --input-file %t.mlir
// RUN: lpu-translate --isa-to-binary %t.mlir -o %t.lpu
// RUN: lpu-verify %t.lpu
// CHECK: isa.loop at 20 iterations 2
// CHECK: isa.nop
// CHECK: isa.halt

module {
  isa.program @p machine "nano" cycles 220 {
    isa.chip_class 0 {
      isa.queue mem 3 {
        isa.mem.setreg at 0 reg = 1, value = 1
        isa.loop at 20 iterations 2 period 99 {
          isa.mem.setreg at 0 reg = 1, value = 0
          isa.mem.setreg at 1 reg = 1, value = 1
          isa.mem.setreg at 9 reg = 1, value = 2
          isa.mem.setreg at 17 reg = 1, value = 3
          isa.mem.setreg at 20 reg = 1, value = 4
          isa.mem.setreg at 22 reg = 1, value = 5
          isa.mem.setreg at 25 reg = 1, value = 6
          isa.mem.setreg at 26 reg = 1, value = 7
          isa.mem.setreg at 34 reg = 1, value = 8
          isa.mem.setreg at 42 reg = 1, value = 9
          isa.mem.setreg at 45 reg = 1, value = 10
          isa.mem.setreg at 47 reg = 1, value = 11
          isa.mem.setreg at 50 reg = 1, value = 12
          isa.mem.setreg at 51 reg = 1, value = 13
          isa.mem.setreg at 59 reg = 1, value = 14
          isa.mem.setreg at 67 reg = 1, value = 15
          isa.mem.setreg at 70 reg = 1, value = 16
          isa.mem.setreg at 72 reg = 1, value = 17
          isa.mem.setreg at 75 reg = 1, value = 18
          isa.mem.setreg at 76 reg = 1, value = 19
          isa.mem.setreg at 84 reg = 1, value = 20
          isa.mem.setreg at 92 reg = 1, value = 21
          isa.mem.setreg at 95 reg = 1, value = 22
          isa.mem.setreg at 97 reg = 1, value = 23
        }
        isa.mem.setreg at 219 reg = 1, value = 7
        isa.halt at 220
      }
    }
    isa.chip 0 class 0 {
    }
  }
}
