// A vector that may arrive (16 cycles after its send) while the links rest behind a
// resynchronisation, in the last of 12 cycles: its receive is the fault, in cycle 86.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: drift at cycle 86 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 link_recv 2 [0] at cycle 86: link_recv.recv
// CHECK-NEXT: {{^}}  other: chip 0 control 0 [0] at cycle 66: control.resync
// CHECK-NEXT: {{^}}  the vector may arrive in cycle 78, the links rest up to cycle 78

// One cycle earlier, the resynchronisation is no fault. Nor is it where the vector is received
// in its cycle; the program then ends with the rest.
// RUN: sed 's/resync at 66/resync at 65/; s/halt at 67/halt at 66/' %s > %t.mlir
// RUN: %python %S/../Inputs/run_isa.py %t.mlir %t | FileCheck %s --check-prefix=LEGAL
// RUN: sed 's/resync at 66/resync at 86/; s/halt at 67/halt at 87/; s/cycles 91 {/cycles 99 {/' %s > %t.late.mlir
// RUN: %python %S/../Inputs/run_isa.py %t.late.mlir %t | FileCheck %s --check-prefix=LATE
// LATE: cycles: 99
// LEGAL: cycles: 91
isa.program @drift_rest_recv machine "nano" cycles 91 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1019] {
      isa.mem.read at 58 bank = 0, offset = 0, dir = west, stream = 0
      isa.mem.write at 89 bank = 0, offset = 1, dir = east, stream = 0, last
      isa.halt at 90
    }
    isa.queue link_send 0 text [7, 1, 1020] {
      isa.link_send.send at 62 stream = 0, last
      isa.halt at 63
    }
    isa.queue link_recv 2 text [0, 1, 1015] {
      isa.link_recv.recv at 86 stream = 0
      isa.halt at 87
    }
    isa.queue control 0 text [7, 1, 1016] {
      isa.control.resync at 66
      isa.halt at 67
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
  isa.wire chip 0 link 0 to chip 0 link 2
}
