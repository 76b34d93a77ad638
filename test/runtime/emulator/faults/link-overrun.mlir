// Sends of one link are at least `link_interval` (4) cycles apart.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: link-overrun at cycle 13 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 link_send 0 [0] at cycle 13: link_send.send
// CHECK-NEXT: {{^}}  other: chip 0 link_send 0 [0] at cycle 10: link_send.send
// CHECK-NEXT: {{^}}  sends of one link
isa.program @link_overrun machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1019] {
      isa.mem.read at 6 repeat 2 every 3 bank = 0, offset = 0, dir = west, stream = 0, stride = 0
      isa.mem.write at 43 repeat 2 every 1 bank = 0, offset = 1, dir = east, stream = 0, last, stride = 1
      isa.halt at 45
    }
    isa.queue link_send 0 text [7, 1, 1020] {
      isa.link_send.send at 10 repeat 2 every 3 stream = 0, last
      isa.halt at 14
    }
    isa.queue link_recv 2 text [0, 1, 1015] {
      isa.link_recv.recv at 40 repeat 2 every 1 stream = 0
      isa.halt at 42
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
  isa.wire chip 0 link 0 to chip 0 link 2
}
