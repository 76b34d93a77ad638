// Links rest for 4 + 2 x 4 cycles behind a resynchronisation: a send in the last of them, cycle 62.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: drift at cycle 62 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 link_send 0 [0] at cycle 62: link_send.send
// CHECK-NEXT: {{^}}  other: chip 0 control 0 [0] at cycle 50: control.resync
// CHECK-NEXT: {{^}}  12 cycles after a resync, the links rest for 12

// One cycle earlier, the resynchronisation is no fault.
// RUN: sed 's/resync at 50/resync at 49/; s/halt at 51/halt at 50/' %s > %t.mlir
// RUN: %python %S/../Inputs/run_isa.py %t.mlir %t | FileCheck %s --check-prefix=LEGAL
// LEGAL: cycles: 91
isa.program @drift_rest_send machine "nano" cycles 91 {
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
      isa.control.resync at 50
      isa.halt at 51
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
  isa.wire chip 0 link 0 to chip 0 link 2
}
