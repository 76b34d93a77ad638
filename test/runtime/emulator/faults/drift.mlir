// A send 10,001 cycles after the start, without a resync: at most 10,000 are allowed.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: drift at cycle 10001 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 link_send 0 [0] at cycle 10001: link_send.send
// CHECK-NEXT: {{^}}  10001 cycles after the last resync
isa.program @drift machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1019] {
      isa.mem.read at 9997 bank = 0, offset = 0, dir = west, stream = 0
      isa.mem.write at 10028 bank = 0, offset = 1, dir = east, stream = 0, last
      isa.halt at 10029
    }
    isa.queue link_send 0 text [7, 1, 1020] {
      isa.link_send.send at 10001 stream = 0, last
      isa.halt at 10002
    }
    isa.queue link_recv 2 text [0, 1, 1015] {
      isa.link_recv.recv at 10025 stream = 0
      isa.halt at 10026
    }
    isa.queue control 0 text [7, 1, 1016] {
      isa.control.resync at 10002
      isa.halt at 10003
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
  isa.wire chip 0 link 0 to chip 0 link 2
}
