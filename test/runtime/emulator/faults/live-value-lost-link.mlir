// A vector that is sent and never received.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: live-value-lost at cycle 34 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 link_send 0 [0] at cycle 10: link_send.send
isa.program @live_value_lost_link machine "nano" cycles 0 {
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
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
  isa.chip 1 class 1 {
  }
  isa.wire chip 0 link 0 to chip 1 link 0
}
