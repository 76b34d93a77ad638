// A program must not write rows of its text.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: unspecified-behaviour at cycle 6 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 mem 0 [0] at cycle 6: mem.write
// CHECK-NEXT: {{^}}  row 1020 of slice 0 bank 1 holds program text
isa.program @unspecified_behaviour_text machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.write at 6 bank = 1, offset = 1020, dir = west, stream = 3, last
      isa.halt at 7
    }
    isa.queue mem 1 text [0, 1, 1016] {
      isa.mem.write at 5 bank = 0, offset = 0, dir = west, stream = 2, last
      isa.halt at 6
    }
    isa.queue mem 2 text [0, 1, 1012] {
      isa.mem.write at 4 bank = 0, offset = 0, dir = west, stream = 1, last
      isa.halt at 5
    }
    isa.queue mem 3 text [0, 1, 1008] {
      isa.mem.write at 3 bank = 0, offset = 0, dir = west, stream = 0, last
      isa.halt at 4
    }
    isa.queue alu 3 text [0, 1, 1004] {
      isa.alu.mov at 0 a = <lane>, dst = <west 0 i32>
      isa.halt at 1
    }
  }
  isa.chip 0 class 0 {
  }
}
