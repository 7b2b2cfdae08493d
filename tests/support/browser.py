#!/usr/bin/env python3
"""Opens a page in headless Chromium and does to it what a person would.

Usage: browser.py [--dark] URL STEP...

A STEP is one of
    wait:EXPRESSION     until the JavaScript is true
    eval:EXPRESSION     prints its value as a line of JSON
    click:SELECTOR      with the mouse, where the first such element is
    press:KEY           on the keyboard: Tab, Enter
    size:WIDTHxHEIGHT   of the window, in pixels
    shot:FILE           a picture of the whole page

Ends with status 1 when a step cannot be done within a minute, or when the page's script failed
or tried what it may not. The browser is driven through two pipes, whose end ends it too: it never
outlives this program.
"""

import argparse
import base64
import json
import os
import select
import subprocess
import sys
import tempfile
import time

PATIENCE = 60.0
QUIET = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
         '--disable-background-networking', '--disable-component-update', '--disable-sync',
         '--disable-dev-shm-usage', '--hide-scrollbars', '--remote-debugging-pipe']
KEYS = {'Tab': 9, 'Enter': 13}


class Browser:
    """Speaks the DevTools protocol: JSON messages, each ended by a zero byte."""

    def __init__(self, directory):
        to_read, self.to = os.pipe()
        self.answers, to_write = os.pipe()

        def take_places():
            # Chromium wants them there. First out of the way, as either may be 3 or 4.
            commands, answers = os.dup2(to_read, 100), os.dup2(to_write, 101)
            os.dup2(commands, 3)
            os.dup2(answers, 4)

        self.process = subprocess.Popen(
            ['chromium', *QUIET, f'--user-data-dir={directory}', 'about:blank'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=take_places, close_fds=False)
        os.close(to_read)
        os.close(to_write)
        self.unread = b''
        self.last = 0
        self.session = None
        self.complaints = []

    def attach(self):
        pages = [t for t in self.do('Target.getTargets')['targetInfos'] if t['type'] == 'page']
        self.session = self.do('Target.attachToTarget', targetId=pages[0]['targetId'],
                               flatten=True)['sessionId']
        self.do('Browser.grantPermissions',
                permissions=['clipboardReadWrite', 'clipboardSanitizedWrite'])
        self.do('Emulation.setFocusEmulationEnabled', enabled=True)
        self.do('Runtime.enable')
        self.do('Log.enable')

    def do(self, method, **parameters):
        self.last += 1
        message = {'id': self.last, 'method': method, 'params': parameters}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.to, json.dumps(message).encode() + b'\0')
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.next_message(deadline, method)
            if answer.get('id') != self.last:
                continue
            if 'error' in answer:
                raise RuntimeError(f'{method}: {answer["error"]["message"]}')
            return answer['result']

    def next_message(self, deadline, method):
        while b'\0' not in self.unread:
            ready, _, _ = select.select([self.answers], [], [], max(0, deadline - time.monotonic()))
            some = os.read(self.answers, 1 << 20) if ready else b''
            if not some:
                raise RuntimeError(f'{method}: the browser does not answer')
            self.unread += some
        text, _, self.unread = self.unread.partition(b'\0')
        message = json.loads(text)
        if message.get('method') == 'Runtime.exceptionThrown':
            self.complaints.append(message['params']['exceptionDetails'])
        if message.get('method') == 'Log.entryAdded':
            entry = message['params']['entry']
            # A request that fails is the page's to bear.
            if entry['level'] == 'error' and entry['source'] != 'network':
                self.complaints.append(entry)
        return message

    def evaluate(self, expression):
        result = self.do('Runtime.evaluate', expression=expression, returnByValue=True,
                         awaitPromise=True, userGesture=True)
        if 'exceptionDetails' in result:
            raise RuntimeError(f'{expression}: {result["exceptionDetails"]}')
        return result['result'].get('value')

    def wait(self, expression):
        deadline = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            if time.monotonic() > deadline:
                shown = self.evaluate('document.body.innerText')
                raise RuntimeError(f'never true: {expression}\nThe page says:\n{shown}')
            time.sleep(0.02)

    def click(self, selector):
        quoted = json.dumps(selector)
        self.wait(f'!!document.querySelector({quoted})')
        x, y = self.evaluate(f'(() => {{ const e = document.querySelector({quoted});'
                             ' e.scrollIntoView({block: "center"});'
                             ' const r = e.getBoundingClientRect();'
                             ' return [r.x + r.width / 2, r.y + r.height / 2]; })()')
        for kind in ('mousePressed', 'mouseReleased'):
            self.do('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    def press(self, key):
        text = {'text': '\r'} if key == 'Enter' else {}
        for kind in ('keyDown', 'keyUp'):
            self.do('Input.dispatchKeyEvent', type=kind, key=key, code=key,
                    windowsVirtualKeyCode=KEYS[key], **text)

    def resize(self, size):
        width, height = map(int, size.split('x'))
        self.do('Emulation.setDeviceMetricsOverride', width=width, height=height,
                deviceScaleFactor=1, mobile=width < 600)

    def shoot(self, file):
        whole = self.do('Page.getLayoutMetrics')['cssContentSize']
        picture = self.do('Page.captureScreenshot', captureBeyondViewport=True,
                          clip={**whole, 'scale': 1})
        with open(file, 'wb') as out:
            out.write(base64.b64decode(picture['data']))

    def close(self):
        os.close(self.to)
        os.close(self.answers)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def follow(browser, arguments):
    browser.attach()
    browser.resize('1280x900')
    browser.do('Emulation.setEmulatedMedia', features=[
        {'name': 'prefers-color-scheme', 'value': 'dark' if arguments.dark else 'light'}])
    browser.do('Page.navigate', url=arguments.url)
    browser.wait('document.readyState === "complete"')
    for step in arguments.steps:
        kind, _, what = step.partition(':')
        if kind == 'eval':
            print(json.dumps(browser.evaluate(what)), flush=True)
        else:
            {'wait': browser.wait, 'click': browser.click, 'press': browser.press,
             'size': browser.resize, 'shot': browser.shoot}[kind](what)
    if browser.complaints:
        raise RuntimeError(f'the page complains: {browser.complaints}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--dark', action='store_true')
    parser.add_argument('url')
    parser.add_argument('steps', nargs='*')
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        browser = Browser(directory)
        try:
            follow(browser, arguments)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            browser.close()
    return 0


if __name__ == '__main__':
    sys.exit(main())
