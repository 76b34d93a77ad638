// A row that was never written nor loaded.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: uninitialised-read at cycle 0 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 mem 0 [0] at cycle 0: mem.read
// CHECK-NEXT: {{^}}  row 7 of slice 0 bank 0
isa.program @uninitialised_read machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 0 bank = 0, offset = 7, dir = east, stream = 0
      isa.halt at 1
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.write at 3 bank = 0, offset = 0, dir = east, stream = 0, last
      isa.halt at 4
    }
  }
  isa.chip 0 class 0 {
  }
}
