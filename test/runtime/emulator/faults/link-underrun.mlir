// The recv comes one cycle before latency + margin have passed.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: link-underrun at cycle 33 on chip 1
// CHECK-NEXT: {{^}}  offender: chip 1 link_recv 0 [0] at cycle 33: link_recv.recv
// CHECK-NEXT: {{^}}  other: chip 0 link_send 0 [0] at cycle 10: link_send.send
// CHECK-NEXT: {{^}}  the oldest vector is receivable from cycle 34
isa.program @link_underrun machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 6 bank = 0, offset = 0, dir = west, stream = 0
      isa.halt at 7
    }
    isa.queue link_send 0 text [7, 1, 1020] {
      isa.link_send.send at 10 stream = 0, last
      isa.halt at 11
    }
  }
  isa.chip_class 1 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.write at 36 bank = 0, offset = 1, dir = east, stream = 0, last
      isa.halt at 37
    }
    isa.queue link_recv 0 text [7, 1, 1020] {
      isa.link_recv.recv at 33 stream = 0
      isa.halt at 34
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
  isa.chip 1 class 1 {
  }
  isa.wire chip 0 link 0 to chip 1 link 0
}
