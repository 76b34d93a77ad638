// The second repeat leaves the bank.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: address-out-of-range at cycle 1 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 mem 0 [0] at cycle 1: mem.read
// CHECK-NEXT: {{^}}  row 1024
isa.program @address_out_of_range machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 0 repeat 3 every 1 bank = 0, offset = 1023, stride = 1, dir = east, stream = 0
      isa.halt at 3
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.write at 3 repeat 3 every 1 bank = 0, offset = 0, stride = 0, dir = east, stream = 0, last
      isa.halt at 6
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 1023 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
}
