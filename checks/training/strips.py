"""Draws strips to train on: python strips.py COUNT SEED FILE.npz FONT [FONT ...]

Each strip is one line of a machine-readable zone, 32 rows high and at most 800 columns wide, with the
class of every fourth column: 0 for a gap, 1 + its place in ALPHABET for a letter.
"""

import random
import string
import sys

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

ALPHABET = "<0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
HEIGHT, WIDTH, STRIDE = 32, 800, 4
PITCH = 24  # pixels a letter of the drawn page
PER_MM = PITCH / 2.54  # ten letters an inch (ICAO Doc 9303 part 3)
SURNAMES = "ERIKSSON MUELLER GARCIA OCONNOR VAN<DER<BERG KOWALSKI NGUYEN SMITH DUBOIS ROSSI SANTOS IVANOV YILMAZ OKAFOR ZHANG QUINTANA JONES BJOERK XAVIER FITZGERALD HASSAN".split()
GIVEN = "ANNA MARIA JOHN JEAN PIERRE LUIS ZOE QUENTIN XIMENA KAROLINA WOJCIECH OLUWASEUN THI MEHMET FATIMA BJOERN GUNTHER VICTORIA YUSUF DAVID".split()
STATES = "USA GBR D<< FRA ITA ESP NLD POL UTO CAN MEX BRA IND CHN JPN AUS ZAF NGA TUR UKR SWE NOR CHE AUT PRT GRC ROU CZE EGY MAR KEN".split()


def fill(text, room):
    return (text + "<" * room)[:room]


def some(rng, letters, low, high):
    return "".join(rng.choice(letters) for _ in range(rng.randint(low, high)))


def lines(rng):
    """The lines of a zone; check digits do not matter here, letters and their order do."""
    length, count = rng.choice([(44, 2), (44, 2), (36, 2), (30, 3)])
    if rng.random() < 0.45:
        alphabet = ALPHABET if rng.random() < 0.9 else "<"
        return [some(rng, alphabet, length, length) for _ in range(count)]
    state = rng.choice(STATES)
    names = rng.choice(SURNAMES) + "<<" + "<".join(rng.sample(GIVEN, rng.randint(1, 3)))
    date = lambda: some(rng, string.digits, 7, 7)
    number = fill(some(rng, string.digits + string.ascii_uppercase, 8, 9), 9) + rng.choice(string.digits)
    optional = some(rng, string.digits + string.ascii_uppercase, 0, 12) if rng.random() < 0.4 else ""
    code = rng.choice(["P<", "PD", "V<", "VC", "I<", "ID", "AC"])
    sex = rng.choice("MF<") if rng.random() < 0.1 else rng.choice("MF")
    if count == 3:
        first = fill(code + state + number + optional, length)
        return [first, fill(date() + sex + date() + state, length - 1) + rng.choice(string.digits), fill(names, length)]
    second = number + state + date() + sex + date() + optional
    return [fill(code + state + names, length), fill(second, length - 1) + rng.choice(string.digits)]


def write(draw, text, path, ink, x, y, rng):
    font = ImageFont.truetype(path, 100)
    font = ImageFont.truetype(path, round(100 * PITCH / font.getlength("0")))
    for index, letter in enumerate(text):
        at = (x + index * PITCH + rng.uniform(-0.4, 0.4), y + rng.uniform(-0.4, 0.4))
        draw.text(at, letter, font=font, fill=ink, anchor="ls")


def page(zone, line, path, rng):
    """Paper with the zone, the wanted line in the middle. Returns it, and where the line begins."""
    length = len(zone[line])
    left, width, height = 3 * PITCH, (length + 6) * PITCH, int(19 * PER_MM + 8)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = np.sin(columns * rng.uniform(0.02, 0.3) + 5 * np.sin(rows * rng.uniform(0.02, 0.2)))
    paper = rng.randint(170, 250) - rng.uniform(0, 14) * (0.5 + 0.5 * waves)
    image = Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8))
    draw, ink, baseline = ImageDraw.Draw(image), rng.randint(5, 95), height / 2 + 1.45 * PER_MM
    for index, text in enumerate(zone):
        write(draw, text, path, ink, left, baseline + (index - line) * 6.3 * PER_MM, rng)
    pixels = np.array(image, np.float32)
    for side in (-1, 1):  # the edge of the page and what lies behind it
        if rng.random() < 0.35:
            away = int(PITCH * rng.uniform(0.6, 2.6))
            part = slice(0, left - away) if side < 0 else slice(left + length * PITCH + away, None)
            pixels[:, part] = rng.randint(0, 220)
    return pixels, left, baseline


def worsen(pixels, rng, noise):
    """Resolution, focus, motion, light, noise and compression of a phone."""
    height, width = pixels.shape
    share = rng.uniform(0.38, 1.0) if rng.random() < 0.7 else rng.uniform(0.3, 0.5)
    small = cv2.resize(pixels, (max(8, int(width * share)), max(8, int(height * share))), interpolation=cv2.INTER_AREA)
    blur = abs(rng.gauss(0, 0.8))
    if blur > 0.2:
        small = cv2.GaussianBlur(small, (0, 0), blur)
    if rng.random() < 0.25:
        kernel, length = np.zeros((5, 5), np.float32), rng.randint(2, 4)
        kernel[2, : length + 1] = 1
        small = cv2.filter2D(small, -1, (kernel if rng.random() < 0.5 else kernel.T) / kernel.sum())
    across = np.linspace(-0.5, 0.5, small.shape[1])[None]
    small = small * (rng.uniform(0.45, 1.1) + rng.uniform(-0.5, 0.5) * across)
    if rng.random() < 0.15:
        spot = (across - rng.uniform(-0.5, 0.5)) / rng.uniform(0.03, 0.1)
        small = small + rng.uniform(30, 150) * np.exp(-spot * spot / 2)
    small = np.clip(small + noise.standard_normal(small.shape) * rng.uniform(1, 11), 0, 255).astype(np.uint8)
    if rng.random() < 0.8:
        _, file = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, rng.randint(35, 92)])
        small = cv2.imdecode(file, 0)
    return small


def strip(rng, noise, fonts):
    zone = lines(rng)
    line = rng.randrange(len(zone))
    length = len(zone[line])
    pixels, left, baseline = page(zone, line, rng.choice(fonts), rng)
    # The box that a line finder gives: letters and margins, a little off and a little turned.
    top, bottom = baseline - 3.3 * PER_MM, baseline + 0.75 * PER_MM
    off = lambda: rng.uniform(-0.14, 0.14) * (bottom - top)
    skew = rng.gauss(0, 0.05) * (bottom - top)
    start = left - PITCH * rng.uniform(0.2, 2.6)
    end = left + length * PITCH + PITCH * rng.uniform(0.2, 2.6)
    box = [[start, top + off() + skew], [end, top + off() - skew], [end, bottom + off() - skew], [start, bottom + off() + skew]]
    pitch = rng.uniform(15.0, 17.2) if length == 44 else rng.uniform(15.0, 19.5)
    width = min(WIDTH, int((end - start) / PITCH * pitch))
    target = np.array([[0, 0], [width, 0], [width, HEIGHT], [0, HEIGHT]], np.float32)
    to_strip = cv2.getPerspectiveTransform(np.array(box, np.float32), target)
    small = worsen(pixels, rng, noise)
    shrink = np.diag([small.shape[1] / pixels.shape[1], small.shape[0] / pixels.shape[0], 1])
    cut = cv2.warpPerspective(small, to_strip @ np.linalg.inv(shrink), (width, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    cut = cut.astype(np.float32)
    out = np.zeros((HEIGHT, WIDTH), np.float32)
    out[:, :width] = (cut - cut.mean()) / (cut.std() + 6)
    middles = np.array([[[left + (index + 0.5) * PITCH, baseline - 1.2 * PER_MM] for index in range(length)]], np.float32)
    labels = np.zeros(WIDTH // STRIDE, np.uint8)
    for index, x in enumerate(cv2.perspectiveTransform(middles, to_strip)[0, :, 0]):
        place = x / STRIDE - 0.5
        nearest = int(np.floor(place + 0.5))
        second = nearest + 1 if place > nearest else nearest - 1
        for column in [nearest] + ([second] if abs(place - second) < 0.75 else []):
            if 0 <= column < len(labels):
                labels[column] = 1 + ALPHABET.index(zone[line][index])
    return np.clip(out * 32 + 128, 0, 255).astype(np.uint8), labels


if __name__ == "__main__":
    count, seed, file, fonts = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    rng, noise = random.Random(seed), np.random.default_rng(seed)
    strips = [strip(rng, noise, fonts) for _ in range(count)]
    np.savez_compressed(file, strips=np.stack([s for s, _ in strips]), labels=np.stack([l for _, l in strips]))
