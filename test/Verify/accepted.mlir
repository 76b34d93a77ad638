// A legal program is accepted with its cycles and its time.
// RUN: lpu-translate --isa-to-binary %s -o %t.lpu
// RUN: lpu-verify %t.lpu --sizes | FileCheck %s
// CHECK: accepted: 11 cycles, 0.110 us at 100 MHz
// CHECK-NEXT: instructions: 4, executed: 2, stream progressions: 2, milliseconds:
isa.program @accepted machine "nano" cycles 11 {
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
