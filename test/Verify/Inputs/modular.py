# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""modular.py FOLDER MODEL FLAGS: compiles and does the modular run. MODEL is a file or a name of small_models.py."""
import pathlib
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).parents[2] / "numerics"))
folder, model, flags = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
folder.mkdir(parents=True, exist_ok=True)
if not model.endswith(".onnx"):
    import small_models
    small_models.onnx.save(small_models.MODELS[model](), folder / f"{model}.onnx")
    model = folder / f"{model}.onnx"
package = folder / f"{abs(hash(tuple(sys.argv)))}.lpu"
code = subprocess.run(["lpu-compile", model, *flags, "--quiet", "-o", package]).returncode
code = code or subprocess.run(["lpu-verify", package, "--against", model, "--seed", "7"]).returncode
package.unlink(missing_ok=True)
sys.exit(code)
