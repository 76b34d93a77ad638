// control.resync: sends and receives in cycles 9,990 to 19,024 need one within every 10,000 cycles. Chip 0 sends again
// in the first cycle behind its rest; the vector that is under way when chip 1 aligns its clock arrives behind that rest.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 19029
// CHECK-NEXT: chip 1 slice 0 bank 0 row 0: fee32279f2bc068266a752c0ba9551f2
// CHECK-NEXT: chip 1 slice 0 bank 0 row 1: cc18eb08f5a3e624d16fabd1adafd9f1
// CHECK-NEXT: chip 1 slice 0 bank 0 row 2: fee32279f2bc068266a752c0ba9551f2
// CHECK-NOT: {{.}}
isa.program @control_resync machine "nano" cycles 19029 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1019] {
      isa.mem.read at 9986 bank = 0, offset = 0, dir = west, stream = 0
      isa.mem.read at 10004 bank = 0, offset = 0, dir = west, stream = 0
      isa.mem.read at 18996 bank = 0, offset = 1, dir = west, stream = 0
      isa.halt at 18997
    }
    isa.queue link_send 0 text [7, 1, 1019] {
      isa.link_send.send at 9990 stream = 0, last
      isa.link_send.send at 10008 stream = 0, last
      isa.link_send.send at 19000 stream = 0, last
      isa.halt at 19001
    }
    isa.queue control 0 text [0, 1, 1015] {
      isa.control.resync at 9995
      isa.halt at 9996
    }
  }
  isa.chip_class 1 {
    isa.queue mem 0 text [0, 1, 1019] {
      isa.mem.write at 10017 bank = 0, offset = 0, dir = east, stream = 0, last
      isa.mem.write at 10035 bank = 0, offset = 2, dir = east, stream = 0, last
      isa.mem.write at 19027 bank = 0, offset = 1, dir = east, stream = 0, last
      isa.halt at 19028
    }
    isa.queue link_recv 0 text [7, 1, 1019] {
      isa.link_recv.recv at 10014 stream = 0
      isa.link_recv.recv at 10032 stream = 0
      isa.link_recv.recv at 19024 stream = 0
      isa.halt at 19025
    }
    isa.queue control 0 text [0, 1, 1015] {
      isa.control.resync at 9993
      isa.halt at 9994
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 0 bank 0 row 1 rows 1 hex ["cc18eb08f5a3e624d16fabd1adafd9f1"]
  }
  isa.chip 1 class 1 {
  }
  isa.wire chip 0 link 0 to chip 1 link 0
}
