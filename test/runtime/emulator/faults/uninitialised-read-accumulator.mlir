// An accumulator row that no pass wrote.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: uninitialised-read at cycle 4 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 drain 1 [0] at cycle 4: drain.row
isa.program @uninitialised_read_accumulator machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 4 text [0, 1, 1020] {
      isa.mem.write at 10 bank = 0, offset = 0, dir = west, stream = 0, last
      isa.halt at 11
    }
    isa.queue mem 5 text [7, 1, 1020] {
      isa.mem.write at 9 bank = 0, offset = 0, dir = west, stream = 1, last
      isa.halt at 10
    }
    isa.queue mem 6 text [0, 1, 1016] {
      isa.mem.write at 8 bank = 0, offset = 0, dir = west, stream = 2, last
      isa.halt at 9
    }
    isa.queue mem 7 text [7, 1, 1016] {
      isa.mem.write at 7 bank = 0, offset = 0, dir = west, stream = 3, last
      isa.halt at 8
    }
    isa.queue drain 1 text [0, 1, 1012] {
      isa.drain.row at 4 acc = 3, stream = 0
      isa.halt at 5
    }
  }
  isa.chip 0 class 0 {
  }
}
