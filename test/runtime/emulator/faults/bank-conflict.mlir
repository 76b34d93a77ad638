// A read and a fetch of program text use one bank in one cycle.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: bank-conflict at cycle 2 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 alu 2 [0] at cycle 2: fetch
// CHECK-NEXT: {{^}}  other: chip 0 mem 0 [0] at cycle 2: mem.read
// CHECK-NEXT: {{^}}  slice 0 bank 1 is used twice
isa.program @bank_conflict machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 0 repeat 4 every 1 bank = 1, offset = 0, stride = 0, dir = east, stream = 0
      isa.halt at 4
    }
    isa.queue mem 1 text [0, 1, 1016] {
      isa.mem.write at 3 repeat 4 every 1 bank = 0, offset = 0, dir = east, stream = 0, last
      isa.halt at 7
    }
    isa.queue alu 2 text [0, 1, 1012] {
      isa.fetch at 2 row = 0, rows = 1
      isa.halt at 3
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 1 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
}
