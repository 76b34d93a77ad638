// An address from data (1028): only the run can find it.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault --dynamic | FileCheck %s
// CHECK: fault: address-out-of-range at cycle 12 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 mem 4 [0] at cycle 12: mem.gather
// CHECK-NEXT: {{^}}  row 1028
isa.program @address_out_of_range_data machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 5 bank = 0, offset = 0, dir = east, stream = 0
      isa.halt at 6
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.read at 6 bank = 0, offset = 0, dir = east, stream = 1
      isa.halt at 7
    }
    isa.queue mem 4 text [0, 1, 1016] {
      isa.mem.gather at 12 bank = 0, offset = 0, adir = east, astream = 0, alast, dir = east, stream = 5
      isa.halt at 13
    }
    isa.queue mem 5 text [7, 1, 1016] {
      isa.mem.write at 15 bank = 0, offset = 0, dir = east, stream = 5, last
      isa.halt at 16
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["04000000000000000000000000000000"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["04000000000000000000000000000000"]
  }
}
