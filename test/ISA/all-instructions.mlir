// One of every instruction, with fields at the ends of their ranges, goes from text to
// a package and back without a change, and the package from there again.
// RUN: lpu-translate --isa-to-binary %s -o %t.lpu
// RUN: lpu-translate --binary-to-isa %t.lpu -o %t.mlir
// RUN: lpu-translate --isa-to-binary %t.mlir -o %t.2.lpu
// RUN: cmp %t.lpu %t.2.lpu
// RUN: sed '/^\/\//d' %s > %t.expected
// RUN: diff %t.expected %t.mlir
// The same through the generic syntax.
// RUN: lpu-opt --mlir-print-op-generic %s | lpu-opt | sed '/^$/d' | diff %t.expected -
module {
  isa.program @all machine "nano" cycles 1 host_nodes 3 compiler "by hand" {
    isa.chip_class 0 {
      isa.queue mem 2 text [0, 0, 0] {
        isa.nop at 0
        isa.fetch at 1 row = 1, rows = 255
        isa.mem.read at 2 repeat 35668 every 34 bank = 1, reg = 7, offset = 1023, stride = -3, inner = 5, stride2 = 100, dir = west, stream = 15
        isa.mem.write at 1278216 repeat 39580 every 122 bank = 0, reg = 1, offset = 65535, stride = 32767, inner = 4095, stride2 = -32768, dir = east, stream = 0, last
        isa.mem.gather at 6106856 bank = 1, reg = 2, offset = 7, adir = west, astream = 14, alast, dir = east, stream = 3
        isa.mem.scatter at 6172392 repeat 864 every 233 bank = 0, reg = 3, offset = 0, adir = east, astream = 0, dir = west, stream = 5, last
        isa.mem.setreg at 6373472 reg = 7, value = 65535
        isa.mem.addreg at 6373474 reg = 1, value = -32768
        isa.mem.loadreg at 6373476 reg = 2, dir = west, stream = 4, last
        isa.halt at 6373478
      }
      isa.queue alu 0 text [0, 0, 17] {
        isa.alu.exp2 at 0 repeat 5046 every 28 a = <lane>
        isa.alu.log2 at 141261 repeat 56474 every 97 a = <imm>, dst = <west 10 i16>, imm = 0xf56ab44f
        isa.alu.tanh at 5684678 repeat 47208 every 184 a = <const>, dst = <east 8 f32>
        isa.alu.erf at 14370767 a = <alu 4 age 13>, dst = <west 0 i32>
        isa.alu.rsqrt at 14370768 a = <imm>, dst = <east 0 f32>, imm = 0xa22f3573
        isa.alu.sqrt at 14436304 a = <imm>, imm = 0x9bde8164
        isa.alu.recip at 14436305 a = <imm>, dst = <east 8 f32>, imm = 0x40498cb4
        isa.halt at 14501841
      }
      isa.queue alu 2 text [0, 0, 32] {
        isa.alu.reduce_sum at 0 a = <const>, dst = <west 0 u8>, group = all
        isa.alu.reduce_max at 65536 a = <east 14 f16 last>, group = 16
        isa.alu.reduce_min at 131072 a = <lane>, dst = <west 4 u8>, group = 16
        isa.alu.reduce_argmax at 196608 repeat 59885 every 75 a = <east 0 i16>, dst = <east 3 i8>, group = 16
        isa.halt at 4687910
      }
      isa.queue alu 7 text [0, 0, 44] {
        isa.alu.mov at 0 a = <imm>, dst = <west 12 f32>, imm = 0x65aa9c83
        isa.alu.abs at 2 a = <imm>, imm = 0x63d2e491
        isa.alu.neg at 3 repeat 52490 every 148 a = <east 9 u8 last>, dst = <west 12 i32>
        isa.alu.f2i at 7768377 repeat 14222 every 67 a = <const>, dst = <east 0 i16>
        isa.alu.i2f at 8721186 repeat 54624 every 99 a = <const>
        isa.alu.floor at 14128865 a = <lane>, dst = <west 0 u8>
        isa.alu.trunc at 14128866 repeat 4160 every 124 a = <alu 5 age 17>, dst = <east 8 f32>
        isa.alu.rint at 14644583 a = <imm>, imm = 0x691406bf
        isa.alu.setconst at 14644584 a = <imm>, dst = <west 10 i8>, imm = 0x8d04999e
        isa.alu.add at 14644586 a = <lane>, b = <lane>, dst = <west 11 u8>
        isa.alu.sub at 14710122 repeat 52680 every 69 a = <imm>, b = <const>, dst = <east 9 i8>, imm = 0x8000b3da
        isa.alu.mul at 18344975 a = <alu 5 age 5>, b = <west 10 i8 last>, dst = <east 10 u8>
        isa.alu.min at 18344976 a = <imm>, b = <east 10 i8 last>, imm = 0x57116d4d
        isa.alu.max at 18410512 a = <imm>, b = <lane>, dst = <west 8 f32>, imm = 0x6b761fc6
        isa.alu.cmpeq at 18476048 a = <east 6 f16 last>, b = <const>, dst = <east 0 f32>
        isa.alu.cmplt at 18476050 repeat 16027 every 12 a = <lane>, b = <alu 1 age 18>
        isa.alu.cmple at 18668364 repeat 63702 every 221 a = <imm>, b = <west 7 u8 last>, dst = <east 2 f16>, imm = 0x5762e358
        isa.alu.cmpuno at 32746287 a = <const>, b = <east 6 i16 last>, dst = <east 7 i8>
        isa.alu.iadd at 32746289 a = <alu 0 age 15>, b = <const>, dst = <east 8 i16>
        isa.alu.isub at 32811825 repeat 4485 every 124 a = <imm>, b = <lane>, dst = <east 4 i8>, imm = 0x0bd2c552
        isa.alu.imul at 33367842 repeat 230 every 184 a = <imm>, b = <west 12 i16>, dst = <west 13 u8>, imm = 0x1fae68d0
        isa.alu.imin at 33409980 a = <const>, b = <alu 0 age 11>, dst = <west 0 f32>
        isa.alu.imax at 33409982 repeat 14331 every 138 a = <imm>, b = <const>, dst = <west 12 i16>, imm = 0x75f99ac5
        isa.alu.icmpeq at 35387523 a = <lane>, b = <east 12 f16 last>
        isa.alu.icmplt at 35387524 a = <lane>, b = <lane>, dst = <east 12 f32>
        isa.alu.icmple at 35387526 a = <lane>, b = <east 12 i32 last>, dst = <east 2 f16>
        isa.alu.and at 35453062 repeat 65291 every 197 a = <imm>, b = <east 0 i16 last>, dst = <west 8 f32>, imm = 0xcc7ab330
        isa.alu.or at 48315193 a = <alu 1 age 17>, b = <west 4 i32 last>, dst = <east 14 u8>
        isa.alu.xor at 48380729 repeat 5458 every 97 a = <imm>, b = <const>, imm = 0x8e7fdffc
        isa.alu.shl at 48910059 a = <alu 6 age 23>, b = <const>, dst = <west 4 i32>
        isa.alu.shr at 48975595 a = <alu 2 age 3>, b = <const>
        isa.alu.sar at 49041131 a = <const>, b = <alu 2 age 8>, dst = <west 7 u8>
        isa.alu.muladd at 49041132 repeat 31425 every 206 a = <lane>, b = <const>, dst = <west 4 i32>, c = <lane>
        isa.alu.select at 55514477 a = <const>, b = <alu 2 age 18>, dst = <west 4 i16>, c = <const>
        isa.alu.acc_sum at 55580013 a = <west 10 i16 last>, dst = <west 12 i16>, period = 1991, init
        isa.alu.acc_max at 55580014 a = <const>, dst = <west 0 i32>, period = 3619, init
        isa.alu.acc_min at 55645550 a = <west 2 f16>, dst = <west 8 i16>, period = 2716
        isa.alu.acc_argmax at 55645552 a = <lane>, dst = <east 14 i16>, period = 2084, init
        isa.halt at 55711088
      }
      isa.queue weights 1 text [0, 0, 90] {
        isa.weights.install at 0 fp16, columns, stream = 4, n = 4, at = 3, step = 2, row = 5, lane_base = 8, lane_count = 3, last
        isa.weights.swap at 65536
        isa.halt at 65538
      }
      isa.queue pass 1 text [0, 0, 100] {
        isa.pass.run at 0 fp16, stream = 6, last, lane_base = 3, lane_count = 5, weight_row = 2, acc = 7, acc_stride = -1, add
        isa.halt at 65536
      }
      isa.queue drain 0 text [0, 0, 109] {
        isa.drain.row at 0 repeat 42316 every 187 acc = 1, acc_stride = 2, stream = 12
        isa.halt at 7912906
      }
      isa.queue shuffle 1 text [0, 0, 118] {
        isa.shuffle.shift at 0 dir = east, stream = 15, last, odir = west, ostream = 3, amount = -1024
        isa.shuffle.rotate at 65536 repeat 58323 every 236 dir = west, stream = 1, odir = west, ostream = 2, amount = 15
        isa.shuffle.distribute at 13895064 dir = east, stream = 15, last, odir = east, ostream = 0, map = 0xfedcba9876543210
        isa.shuffle.loadmap at 13895065 dir = east, stream = 14, last
        isa.shuffle.permute at 13895067 repeat 61071 every 144 dir = west, stream = 3, last, odir = east, ostream = 15
        isa.halt at 22689148
      }
      isa.queue transpose 0 text [0, 0, 131] {
        isa.transpose.t16 at 0 repeat 21729 every 166 dir = west, stream = 0, last, odir = east, ostream = 0
        isa.halt at 3672384
      }
      isa.queue link_send 3 text [0, 0, 140] {
        isa.link_send.send at 0 stream = 9, last
        isa.halt at 65536
      }
      isa.queue link_recv 2 text [0, 0, 149] {
        isa.link_recv.recv at 0 stream = 10
        isa.halt at 1
      }
      isa.queue control 0 text [0, 0, 158] {
        isa.control.resync at 0
        isa.halt at 65536
      }
    }
    isa.chip 0 class 0 {
    }
  }
}
