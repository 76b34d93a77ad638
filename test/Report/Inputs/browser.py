# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Chromium without a window, driven through chromedriver's WebDriver protocol (JSON over HTTP).

    with Browser() as browser:
        browser.open(path)
        browser.run("return document.title")

By hand: browser.py page.html picture.png [script run before the picture is taken]
"""
import base64
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
             "--disable-background-networking", "--force-device-scale-factor=1"]


class Browser:
    def __init__(self, width=1440, height=900, dark=False):
        self.profile = tempfile.mkdtemp(prefix="lpu-browser-")
        arguments = [*ARGUMENTS, f"--window-size={width},{height}", f"--user-data-dir={self.profile}"]
        if dark:
            arguments += ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"]
        self.options = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments},
                        "goog:loggingPrefs": {"browser": "ALL"}}

    def __enter__(self):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True)
        self.session = None
        try:
            for line in self.driver.stdout:
                if started := re.search(r"successfully on port (\d+)", line):
                    self.url = f"http://127.0.0.1:{started[1]}"
                    break
            else:
                raise RuntimeError("chromedriver does not start")
            self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": self.options}})["sessionId"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.session:
            self.call("DELETE", f"/session/{self.session}")
        self.driver.terminate()
        self.driver.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method,
                                         data=json.dumps(body or {}).encode() if method == "POST" else None,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def ask(self, method, path, body=None):
        return self.call(method, f"/session/{self.session}{path}", body)

    def open(self, path):
        """Opens a page and waits until it says that it is ready."""
        self.ask("POST", "/url", {"url": path if "://" in str(path) else pathlib.Path(path).resolve().as_uri()})
        for _ in range(300):
            if self.run("return document.documentElement.dataset.ready || null"):
                return
            time.sleep(0.1)
        raise RuntimeError(f"not ready after 30 s: {self.errors()}")

    def run(self, script, *arguments):
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def frame(self):
        """Waits until what was asked for is drawn."""
        self.ask("POST", "/execute/async", {
            "script": "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));",
            "args": []})

    def errors(self):
        """What the console holds as errors since the last call."""
        return [entry for entry in self.ask("POST", "/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]

    def mouse(self, x, y):
        self.actions({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"},
                      "actions": [{"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}]})
        self.frame()

    def click(self, x, y):
        self.mouse(x, y)
        self.actions({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"},
                      "actions": [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]})
        self.frame()

    def wheel(self, x, y, delta):
        self.actions({"type": "wheel", "id": "wheel", "actions": [
            {"type": "scroll", "x": round(x), "y": round(y), "deltaX": 0, "deltaY": delta, "duration": 0}]})
        self.frame()

    def keys(self, text):
        self.actions({"type": "key", "id": "keys", "actions": [
            {"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]})
        self.frame()

    def actions(self, *sources):
        self.ask("POST", "/actions", {"actions": list(sources)})

    def picture(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.ask("GET", "/screenshot")))


if __name__ == "__main__":
    with Browser(dark="--dark" in sys.argv) as browser:
        browser.open(sys.argv[1])
        if len(sys.argv) > 3:
            browser.run(sys.argv[3])
        browser.frame()
        browser.picture(sys.argv[2])
        for error in browser.errors():
            print(error["message"])
