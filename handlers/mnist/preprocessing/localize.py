"""Locate the digit in an image: choose its polarity and its connected components, and leave out paper and shadows.

The digit is searched for at two polarities. At each, the image is reduced to one gray channel, the background is
subtracted, the rest is cut at a threshold, and the best group of connected components is chosen. Where the ink has
gaps (grain, streaks, dashes), they are closed step by step until the group is one that a pen can have drawn.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from handlers.mnist.errors import NoDigitError
from handlers.mnist.preprocessing.decode import ImageArray, downscale

Mask = npt.NDArray[np.uint8]  # [h, w], 1 in the foreground, 0 elsewhere
Box = tuple[int, int, int, int]  # x, y, width, height
Stats = npt.NDArray[np.int32]  # [count, 5], of each component: x, y, width, height, area; 0 is the background

UPSCALED_PX = 120  # the longer side of a tiny image when it is searched
SEARCH_PX = 384  # the longer side of a large image when it is searched
BACKGROUND_PX = 128  # the longer side at which the background is estimated
# Kernels of the morphological background estimate, as a fraction of the longer side: wider than any stroke.
# None: the background is one gray level, the median of the border.
BACKGROUND_KERNELS = (None, 0.2)
MIN_KERNEL_PX = 16
MAX_PEAKS = 2
HOPELESS = 0.1  # of the best score: what cannot reach it is not searched
MIN_CONTRAST = 6.0  # gray levels across the edge of a stroke
MIN_SIZE = 0.025  # of the image's longer side
MAX_BORDER_OVERLAP = 0.8  # of the component's width and height along the image's border: more is a bar or a table
MAX_BORDER_SHARE = 0.4  # of the image's border: a component that covers more is a table around the paper
MAX_CLUTTER_RATIO = 2.0  # ink around the digit to the digit's: more is noise, texture or text
MAX_OTHER_INK = 8.0  # anywhere, to the digit's: more is noise; the buttons around a canvas are less
MAX_RULE = 0.1  # width to length of a ruled line
MIN_RULES = 3  # beside each other, alike in length
MAX_RULES_RATIO = 1.5  # of their widths and heights
MIN_RULE_PX = 4  # widths and heights below it are alike
MAX_OUTLINES = 9  # pieces and holes of one digit, specks included
MAX_PERIMETER = 10.0  # length of all outlines to the digit's size
MAX_THICKNESS = 0.6  # of the digit's size
MAX_CLOSED_THICKNESS = 0.46  # of a digit whose gaps are closed: more is noise
MAX_CELL_THICKNESS = 0.35  # of a digit whose gaps are closed and that was half as thick before: more is a grid's cells
EDGE_PX = 96  # the digit's longer side when its edge is measured
MIN_EDGE_STROKE_PX = 2.0  # a hairline is measured at a larger size
MIN_INNER_SIZE = 0.3  # of a frame's size: the digit inside it
THRESHOLD = 0.4  # of the way from the background to the strongest foreground
WEAKEST = 0.3  # of the strongest foreground's strength: a weaker stroke is lost
WEAK_REACH = 0.1  # of the longer side: over which the ink's strength changes
MAX_EVEN = 0.75  # of the strongest foreground: the weaker parts of an even stroke are stronger
MIN_CONTRAST_KEPT = 0.4  # by a digit's weak strokes
MIN_GROWTH = 1.15  # of the digit, by its weak strokes
GAPS_PX = (0, 3, 5, 9, 15)  # kernels that close the gaps of grainy, streaky and dashed strokes
MAX_GAP = 0.12  # of the digit's size: wider gaps part two strokes
MIN_APART = 0.04  # of the number's size: narrower gaps part the strokes of one digit
MAX_STRAY = 0.25  # ink around the digit to the digit's own: more means that the digit is in pieces
MIN_PART = 0.2  # of the number's size: smaller is a piece of a digit or a speck
MIN_IN_LINE = 0.8  # of the ink: digits stand in a line, pieces of a digit do not
MIN_COLUMN = 0.75  # of the number's height: a lower part is a piece of a digit
MAX_COLUMN_OVERLAP = 0.3  # of the narrower one: more lies above each other
MAX_ASPECT = 1.2  # width to height of two parts that may be one digit
DOUBT = 0.25  # of the better polarity's score
MIN_HOLLOW = 0.03  # of the digit's box: the inside of an outlined stroke
HOLLOW_LENGTH = 4.0  # area to the square of the thickness: less is the hole of a 0
MAX_NESTING = 2  # panels within panels: a canvas in a window
MIN_PANEL = 0.04  # of the image's area
MAX_PANEL = 0.95
MIN_PANEL_ASPECT = 0.4
MIN_PANEL_FILL = 0.93  # of the smallest rectangle around it; an ellipse fills 0.79
PANEL_RIM = 0.015  # of the panel's side: lines around it
CORNER = 0.06  # of the shorter side: where the paper shows beside a digit that touches all sides
MIN_SPAN = 0.97  # of the image's width and height, by a digit that touches all sides
MAX_SIDE_COVERED = 0.9  # of a second side of the image
MIN_PANEL_DIGIT = 0.15  # of the panel's longer side


class Digit(NamedTuple):
    """A candidate: its mask [h, w], its bounding box, the gray levels across its edge, and its score.

    `parts` are the masks of the digits that it consists of if it is a number: two or more, or none. `clutter` is the
    area of other ink around it, and `other_ink` that of all other ink, to its own area.
    """

    mask: Mask
    box: Box
    contrast: float
    score: float
    parts: list[Mask]
    clutter: float
    other_ink: float
    is_solid: bool  # the mask has gaps closed or outlines filled that the image has not


class Place(NamedTuple):
    """A digit in a part of the image, and that part's corner in the image."""

    image: ImageArray
    digit: Digit
    x: int
    y: int


class Group(NamedTuple):
    """Components that may be one digit: their mask, and other ink in the digit's own area."""

    mask: Mask
    size: float  # of the image's longer side, less what lies along the border
    clutter: float  # around the digit: text, texture, noise
    other_ink: float  # anywhere
    parts: list[Mask]
    is_rule: bool  # one of parallel lines, or a streak of a stroke whose gaps are not closed yet


def upscale_small(image: ImageArray) -> ImageArray:
    """Enlarge a tiny image, so that its strokes are several pixels wide and their edges lie between pixels."""
    scale = UPSCALED_PX / max(image.shape[:2])
    if scale <= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)


def locate_digit(image: ImageArray) -> list[Place]:
    """Return the most plausible digit and where it is: on a panel of the image, or anywhere in it.

    In doubt (either polarity, one digit or two), the other reading follows. Raises NoDigitError when there is none.
    """
    places = search_panels(image, MAX_NESTING) or search_cropped(image) or search(image)
    if not places:
        raise NoDigitError
    return places


def search_panels(image: ImageArray, nesting: int) -> list[Place]:
    """Return the digit on the largest panel in the image (a plot, a canvas, a sheet), nothing without such a panel."""
    panel = find_panel(image)
    if panel is None:
        return []
    left, top, width, height = cv2.boundingRect(panel)
    inside = cut_panel(image, panel)
    places = (search_panels(inside, nesting - 1) if nesting > 1 else []) or search(inside)
    large = [place for place in places if max(place.digit.box[2:]) >= MIN_PANEL_DIGIT * max(width, height)]
    return [place._replace(x=place.x + left, y=place.y + top) for place in large]


def search(image: ImageArray) -> list[Place]:
    """Return the digit of the more plausible polarity, and the other reading in doubt."""
    gray = project_to_ink_axis(downscale(image, SEARCH_PX))
    dark = best_of_backgrounds(~gray)
    digits = resolve_polarity(dark, best_of_backgrounds(gray, 0.0 if dark is None else dark.score))
    size = image.shape[1::-1]
    places = []
    for digit in digits:
        mask, *parts = (
            np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)
            for mask in (digit.mask, *digit.parts)
        )
        x, y, w, h = cv2.boundingRect(mask)
        place = Place(image, digit._replace(mask=mask, box=(x, y, w, h), parts=parts), 0, 0)
        places.append(place)
        if len(parts) == 2 and w < MAX_ASPECT * h:  # or the halves of a digit in two strokes
            places.append(place._replace(digit=place.digit._replace(parts=[])))
    return places


def search_cropped(image: ImageArray) -> list[Place]:
    """Return a digit that touches all four sides of the image, nothing where nothing does.

    Paper is added around it, in the color of the corners: elsewhere the border is as much ink as paper.
    """
    small = downscale(image, BACKGROUND_PX)
    colors = small.reshape(*small.shape[:2], -1)
    side = max(2, round(CORNER * min(small.shape[:2])))
    ends = slice(None, side), slice(-side, None)
    corners = np.concatenate([colors[y, x].reshape(-1, colors.shape[2]) for y in ends for x in ends])
    paper = np.median(corners, axis=0)
    difference = color_distance(small, paper)
    mask = np.asarray(difference > THRESHOLD * float(difference.max()), np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    spanning = 1 + np.flatnonzero((stats[1:, 2:4] >= MIN_SPAN * np.array(mask.shape[::-1])).all(axis=1))
    if not len(spanning):
        return []
    drawing = labels == spanning[0]
    covered = [side.mean() for side in (drawing[0], drawing[-1], drawing[:, 0], drawing[:, -1])]
    if sorted(covered)[-2] > MAX_SIDE_COVERED:  # the bars of a window
        return []
    pad = max(image.shape[:2]) // 4
    padded = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=paper.tolist())
    spans = MIN_SPAN * np.array(image.shape[1::-1]) - 2
    places = search(np.asarray(padded, np.uint8))
    return [place._replace(x=-pad, y=-pad) for place in places if (place.digit.box[2:] >= spans).all()]


def find_panel(image: ImageArray) -> Mask | None:
    """Return the largest upright or turned rectangle whose color or outline stands out: its mask [h, w], with margin.

    Rectangles as slim as a 1 do not count.
    """
    small = downscale(image, SEARCH_PX)
    colors = small.reshape(*small.shape[:2], -1)
    border = np.concatenate([colors[0], colors[-1], colors[:, 0], colors[:, -1]])
    difference = color_distance(small, np.median(border, axis=0))
    best, best_area = None, MIN_PANEL * difference.size
    for level in (4.0, THRESHOLD * float(difference.max())):
        mask = np.asarray(difference > level, np.uint8)
        for outline in cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
            w, h = cv2.boundingRect(outline)[2:]
            if w * h <= best_area or not MIN_PANEL_ASPECT * w < h < w / MIN_PANEL_ASPECT:
                continue
            if w * h > MAX_PANEL * difference.size:
                continue
            area, (_, sides, _) = cv2.contourArea(outline), cv2.minAreaRect(outline)
            if area > best_area and area > MIN_PANEL_FILL * sides[0] * sides[1]:
                best, best_area = outline, area
    if best is None:
        return None
    panel = cv2.drawContours(np.zeros(difference.shape, np.uint8), [best], -1, 1, cv2.FILLED)
    rim = 2 * max(2, round(PANEL_RIM * best_area**0.5)) + 1
    panel = cv2.erode(panel, np.ones((rim, rim), np.uint8), borderValue=0)
    if not panel.any():
        return None
    return np.asarray(cv2.resize(panel, image.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def color_distance(image: ImageArray, color: npt.NDArray[np.float64]) -> ImageArray:
    """Return each pixel's largest difference from a color [c] in any channel, uint8 [h, w]."""
    if image.ndim == 2:  # an array: OpenCV takes four pixels in a column for a color
        return np.asarray(cv2.absdiff(image, np.full_like(image, np.rint(color[0]))), np.uint8)
    difference = cv2.absdiff(image, (*color.tolist(), 0.0, 0.0, 0.0)[:4])
    channels = cv2.split(difference)
    return np.asarray(channels[0] if len(channels) == 1 else cv2.max(cv2.max(*channels[:2]), channels[2]), np.uint8)


def cut_panel(image: ImageArray, panel: Mask) -> ImageArray:
    """Cut the panel out of the image; the corners outside a turned one take its color."""
    x, y, w, h = cv2.boundingRect(panel)
    inside = image[y : y + h, x : x + w].copy()
    outside = panel[y : y + h, x : x + w] == 0
    if outside.any():
        rim = (cv2.erode(panel, np.ones((5, 5), np.uint8), borderValue=0) < panel)[y : y + h, x : x + w]
        inside[outside] = np.median(inside[rim], axis=0)
    return inside


def project_to_ink_axis(image: ImageArray) -> ImageArray:
    """Reduce RGB [h, w, 3] to gray [h, w] along the color axis on which neighboring regions differ most.

    The axis is the first principal component of each pixel's difference from its surroundings. It runs through blue for
    yellow on white, red against green for red on green, and black to white for pencil.
    """
    if image.ndim == 2:
        return image
    small = downscale(image, BACKGROUND_PX).astype(np.float32)
    kernel = BACKGROUND_PX // 4, BACKGROUND_PX // 4
    difference = (small - cv2.blur(small, kernel)).reshape(-1, 3)
    axis = np.linalg.eigh(difference.T @ difference)[1][:, -1]
    axis /= np.abs(axis).sum() * (1 if axis.sum() >= 0 else -1)
    offset = 255 * -axis[axis < 0].sum()
    return np.asarray(cv2.transform(image, np.array([[*axis, offset]])), np.uint8)


def resolve_polarity(dark: Digit | None, bright: Digit | None) -> list[Digit]:
    """Return the better polarity, but never the background inside a digit: the hole of a 0, the bays of a 3.

    The other one follows when it is nearly as good.
    """
    if dark is None or bright is None:
        return [digit for digit in (dark, bright) if digit is not None]
    better, other = (dark, bright) if dark.score >= bright.score else (bright, dark)
    is_hole = contains(other.box, better.box) and other.contrast > 0.4 * better.contrast
    if is_hole and not is_sheet(other):
        return [other]
    return [better, other] if other.score > DOUBT * better.score and not is_sheet(other) else [better]


def best_of_backgrounds(gray: ImageArray, rival: float = 0.0) -> Digit | None:
    """Find the best bright digit over all background estimates; `rival` is the score of the other polarity's.

    A small kernel follows uneven light better but may hollow out a stroke, so its digit must be clearly better, or the
    same with strokes that the light hid.
    """
    best: Digit | None = None
    for kernel in BACKGROUND_KERNELS:
        is_wide_enough = kernel is None or kernel * min(gray.shape) >= MIN_KERNEL_PX
        digit = best_of_thresholds(gray, kernel, rival) if is_wide_enough else None
        if digit is not None and (best is None or digit.score > 2 * best.score or extends(digit, best, gray)):
            best = digit
    return best


def best_of_thresholds(gray: ImageArray, kernel: float | None, rival: float) -> Digit | None:
    """Find the best bright digit: first among the brightest foreground, then among the rest."""
    foreground = background_subtract(gray, kernel)
    best: Digit | None = None
    for _ in range(MAX_PEAKS):
        noise, peak = foreground_levels(foreground)
        hopeless = HOPELESS * max(rival, 0.0 if best is None else best.score)  # no edge is higher than the peak
        if peak - noise < MIN_CONTRAST or (peak - noise) ** 2 < hopeless:
            break
        mask = np.asarray(foreground > noise + THRESHOLD * (peak - noise), np.uint8)
        digit = read_mask(mask, gray, hopeless)
        if digit is not None and (best is None or digit.score > best.score):
            best = add_weak_strokes(digit, foreground, (noise, peak), gray)
        foreground[cv2.dilate(mask, np.ones((5, 5), np.uint8)) > 0] = 0
    return best


def add_weak_strokes(digit: Digit, foreground: ImageArray, levels: tuple[float, float], gray: ImageArray) -> Digit:
    """Return the digit with its weak strokes: cut at a threshold that follows the strongest foreground nearby.

    levels: `foreground_levels`. Where the ink is even, all that is weak is a ruled line, a shadow or a stain.
    """
    noise, peak = levels
    core = cv2.erode(digit.mask, np.ones((3, 3), np.uint8))
    core = core if np.count_nonzero(core) > 0.2 * np.count_nonzero(digit.mask) else digit.mask
    if np.percentile(foreground[core > 0], 15) > noise + MAX_EVEN * (peak - noise):
        return digit
    side = max(3, round(WEAK_REACH * max(gray.shape))) | 1
    nearby = cv2.blur(cv2.dilate(foreground, np.ones((side, side), np.uint8)), (side, side))
    weak = cv2.max(nearby, np.full_like(nearby, noise + WEAKEST * (peak - noise)))
    mask = cv2.addWeighted(foreground, 1, weak, -THRESHOLD, -(1 - THRESHOLD) * noise) > 0
    mask = np.asarray(mask | (digit.mask > 0), np.uint8)
    x, y, w, h = digit.box
    around = slice(max(0, y - h // 2), y + h + h // 2), slice(max(0, x - w // 2), x + w + w // 2)
    if np.count_nonzero(mask[around]) < MIN_GROWTH * np.count_nonzero(digit.mask):
        return digit
    longer = read_mask(mask, gray)
    return longer if longer is not None and extends(longer, digit, gray) else digit


def background_subtract(gray: ImageArray, kernel: float | None) -> ImageArray:
    """Return by how much each pixel is brighter than the background around it, uint8 [h, w].

    The background is the morphological opening with a square kernel wider than a stroke: it follows shadows and light
    of any shape.
    """
    if kernel is None:
        border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
        return np.asarray(cv2.subtract(gray, np.full_like(gray, np.median(border))), np.uint8)
    small = downscale(gray, BACKGROUND_PX)
    side = max(3, round(kernel * max(small.shape))) | 1
    background = cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    if small is not gray:  # the blur of downscaling would draw a line along each sharp edge
        background = cv2.dilate(background, np.ones((3, 3), np.uint8))
    background = cv2.resize(background, gray.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.subtract(gray, background), np.uint8)


def foreground_levels(foreground: ImageArray) -> tuple[float, float]:
    """Return the median, which is the background's noise, and the 99.98th percentile, which is the peak."""
    share = np.cumsum(cv2.calcHist([foreground], [0], None, [256], [0, 256])) / foreground.size
    return float(np.searchsorted(share, 0.5)), float(np.searchsorted(share, 0.9998))


def read_mask(mask: Mask, gray: ImageArray, hopeless: float = 0.0) -> Digit | None:
    """Read the digit in a mask: as it is, or with its gaps closed where it is in pieces.

    A score below `hopeless` is not worth the time.
    """
    best: Digit | None = None
    least_stray = np.inf
    open_thickness = 0.0
    for gap_px in GAPS_PX:
        closed = close_gaps(mask, gap_px)
        group = largest_group(closed)
        if group is None:
            if gap_px:
                break
            continue
        size = max(cv2.boundingRect(group.mask)[2:])
        thickness_px = thickness(group.mask)
        if gap_px == 0:
            open_thickness = thickness_px
        if gap_px > MAX_GAP * size:
            break
        if group.parts and not is_apart(mask, max(round(MIN_APART * size), gap_px + gap_px // 2)):
            group = group._replace(parts=[])
        contrast = edge_contrast(group.mask, gray)
        is_whole = group.clutter <= MAX_STRAY
        if is_whole and not group.is_rule and contrast**2 < max(MIN_CONTRAST**2, hopeless):
            break
        is_alone = group.clutter <= MAX_CLUTTER_RATIO and group.other_ink <= MAX_OTHER_INK
        if is_alone and not group.is_rule and group.clutter < 0.5 * least_stray:
            is_cell = open_thickness > 0.5 * thickness_px > 0.5 * MAX_CELL_THICKNESS * size
            is_blob = gap_px > 0 and (is_cell or thickness_px > MAX_CLOSED_THICKNESS * size)
            digit = None if is_blob else measure(group, contrast, gap_px > 0)
            if digit is not None:
                best, least_stray = digit, max(group.clutter, 1e-9)
            elif is_whole and thickness_px > MAX_THICKNESS * size:
                break
        if least_stray <= MAX_STRAY:
            break
    return best


def is_apart(mask: Mask, gap_px: int) -> bool:
    """Return whether the digits of a number stay apart when gaps are closed: streaks part the strokes of one digit."""
    group = largest_group(close_gaps(mask, gap_px))
    return group is not None and len(group.parts) > 1


def close_gaps(mask: Mask, gap_px: int) -> Mask:
    """Close gaps up to `gap_px` wide."""
    if gap_px == 0:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (gap_px, gap_px))
    padded = cv2.copyMakeBorder(mask, gap_px, gap_px, gap_px, gap_px, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)
    return np.ascontiguousarray(closed[gap_px:-gap_px, gap_px:-gap_px])


def measure(group: Group, contrast: float, is_solid: bool) -> Digit | None:
    """Return the group as a digit with its score, None when no pen can have drawn it."""
    if contrast < MIN_CONTRAST:
        return None
    filled = fill_hollow(group.mask)
    mask, is_solid = (group.mask, is_solid) if filled is None else (filled, True)
    if not is_stroke(mask):
        return None
    x, y, w, h = cv2.boundingRect(mask)
    score = group.size * contrast**2
    digit = Digit(mask, (x, y, w, h), contrast, score, group.parts, group.clutter, group.other_ink, is_solid)
    return digit._replace(score=0.1 * score) if is_sheet(digit) else digit


def largest_group(mask: Mask) -> Group | None:
    """Choose the largest component that is not the image's edge, with the nearby components of the same digit."""
    count, *arrays = cv2.connectedComponentsWithStats(mask, connectivity=8)
    labels, stats = np.asarray(arrays[0], np.int32), np.asarray(arrays[1], np.int32)
    border = border_share(labels, count)
    overlap = border * (2 * sum(mask.shape) - 4) / stats[:, 2:4].sum(axis=1)  # 1 for a strip along the border
    size = stats[:, 2:4].max(axis=1) / max(mask.shape) * np.where(overlap < MAX_BORDER_OVERLAP, 1 - overlap, 0)
    is_crossing = (stats[:, 2] == mask.shape[1]) | (stats[:, 3] == mask.shape[0])  # ruled lines, border to border
    is_slim = stats[:, 2:4].min(axis=1) < MAX_RULE * stats[:, 2:4].max(axis=1)
    size[is_slim & ((border > 0) | (stats[:, 2] > stats[:, 3]))] = 0
    size[0] = 0
    outermost = int(size.argmax())
    if size[outermost] < MIN_SIZE or border[outermost] > MAX_BORDER_SHARE:
        return None
    main, inside = inner_component(labels, stats, outermost)
    is_free = (border < 0.05) & ~is_crossing
    member = nearby_components(stats, main) & is_free
    member[outermost] = False
    if main == outermost:
        member |= inside
    member[main] = True
    other = ~member & (overlap < 0.5) & ~is_crossing
    other[[0, outermost]] = False
    columns = find_number(stats, member, other & is_free)
    if columns:
        member = np.isin(np.arange(count), np.concatenate(columns))
        other &= ~member
    parts = [np.asarray(np.isin(labels, column), np.uint8) for column in columns]
    chosen = np.asarray(member[labels], np.uint8)
    x, y, w, h = cv2.boundingRect(chosen)
    if is_ruled_line(chosen):
        return None
    is_rule = not columns and is_one_of_rules(labels, stats, main)
    reach = max(w, h) // 2
    around = labels[max(0, y - reach) : y + h + reach, max(0, x - reach) : x + w + reach]
    ink = float(stats[member, 4].sum())
    clutter = np.count_nonzero(other[around]) / ink
    return Group(chosen, float(size[main]), clutter, float(stats[other, 4].sum()) / ink, parts, is_rule)


def is_straight(mask: Mask) -> bool:
    """Return whether the foreground is a straight stroke, at any angle."""
    _, sides, _ = cv2.minAreaRect(cv2.findNonZero(mask))
    return bool(min(sides) < MAX_RULE * max(sides))


def is_ruled_line(chosen: Mask) -> bool:
    """Return whether the chosen components are pieces of a ruled line: a straight and upright one may be a 1."""
    x, y, w, h = cv2.boundingRect(chosen)
    is_at_border = x == 0 or y == 0 or x + w == chosen.shape[1] or y + h == chosen.shape[0]
    may_be_rule = w > h or (is_at_border and w < MAX_RULE * h)
    return may_be_rule and is_straight(chosen[y : y + h, x : x + w])


def is_one_of_rules(labels: npt.NDArray[np.int32], stats: Stats, main: int) -> bool:
    """Return whether the main component is straight and not the only one of its width and height: parallel lines."""
    ratio = np.maximum(stats[1:, 2:4], MIN_RULE_PX) / np.maximum(stats[main, 2:4], MIN_RULE_PX)
    is_alike = ((ratio < MAX_RULES_RATIO) & (ratio > 1 / MAX_RULES_RATIO)).all(axis=1)
    x, y, w, h = stats[main, :4]
    is_one_of_several = int(np.count_nonzero(is_alike)) >= MIN_RULES
    return is_one_of_several and is_straight(np.asarray(labels[y : y + h, x : x + w] == main, np.uint8))


def find_number(stats: Stats, member: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> list[list[int]]:
    """Return the components of each digit if several stand in a line with the members; nothing for a single digit.

    Digits stand side by side, each nearly as high as the others. Pieces of a digit lie above each other, or are many.
    """
    x, y, w, h, _ = stats[member].T
    top, bottom = int(y.min()), int((y + h).max())
    size = max(int((x + w).max() - x.min()), bottom - top)
    ink = member | other
    large = ink & (stats[:, 2:4].max(axis=1) >= MIN_PART * size)
    shared = np.minimum(bottom, stats[:, 1] + stats[:, 3]) - np.maximum(top, stats[:, 1])
    in_line = large & (shared >= 0.5 * np.minimum(stats[:, 3], bottom - top))
    if stats[in_line, 4].sum() < MIN_IN_LINE * stats[ink, 4].sum():
        return []
    columns: list[tuple[list[int], list[int]]] = []  # components and left, right, top, bottom
    for i in sorted(np.flatnonzero(in_line).tolist(), key=lambda i: int(stats[i, 0])):
        left, up, width, height = stats[i, :4].tolist()
        right, down = left + width, up + height
        components, last = columns[-1] if columns else ([], [0, 0, 0, 0])
        if last[1] - left > MAX_COLUMN_OVERLAP * min(width, last[1] - last[0]):
            components.append(i)
            last[1:] = [max(last[1], right), min(last[2], up), max(last[3], down)]
        else:
            columns.append(([i], [left, right, up, down]))
    boxes = [box for _, box in columns]
    heights = [bottom - top for _, _, top, bottom in boxes]
    is_line = all(
        min(one[3], next_one[3]) - max(one[2], next_one[2]) >= 0.5 * min(heights)
        for one, next_one in itertools.pairwise(boxes)
    )
    is_number = len(columns) > 1 and min(heights) >= MIN_COLUMN * max(heights) and is_line
    return [part for part, _ in columns] if is_number else []


def fill_hollow(mask: Mask) -> Mask | None:
    """Fill the strokes of a digit that is drawn as an outline, None for any other.

    The inside of such a stroke is a hole that is long and thin; the hole of a 0 is about as wide as long.
    """
    x, y, w, h = cv2.boundingRect(mask)
    ink = cv2.copyMakeBorder(mask[y : y + h, x : x + w], 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - ink, connectivity=4)
    holes = [hole for hole in range(1, count) if hole != labels[0, 0] and stats[hole, 4] > MIN_HOLLOW * w * h]
    if not holes:
        return None
    wall = thickness(ink)
    filled = ink.copy()
    for hole in holes:
        area = int(stats[hole, 4])
        width = thickness(np.asarray(labels == hole, np.uint8))
        if area > HOLLOW_LENGTH * width**2 and wall < width:
            filled[labels == hole] = 1
    area = int(np.count_nonzero(filled))
    if area == np.count_nonzero(ink) or area < HOLLOW_LENGTH * thickness(filled) ** 2:
        return None
    result = np.zeros_like(mask)
    result[y : y + h, x : x + w] = filled[1:-1, 1:-1]
    return result


def border_share(labels: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.float64]:
    """Return how much of the image's border each component covers: [count], 0 to 1."""
    border = np.concatenate([labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]])
    return np.bincount(border, minlength=count)[:count] / len(border)


def inner_component(labels: npt.NDArray[np.int32], stats: Stats, outer: int) -> tuple[int, npt.NDArray[np.bool_]]:
    """Return the large component inside the holes of `outer`, else `outer` itself, and which components are inside.

    No digit encloses another stroke, so an `outer` that does is a frame, unless it is the outline of a hollow digit.
    """
    x, y, w, h = stats[outer, :4]
    cut = labels[y : y + h, x : x + w]
    outline = cv2.findContours(np.asarray(cut == outer, np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    filled = cv2.drawContours(np.zeros(cut.shape, np.uint8), outline, -1, 1, cv2.FILLED)
    inside = np.zeros(len(stats), np.bool_)
    inside[np.unique(cut[(filled > 0) & (cut > 0)])] = True
    inside[outer] = False
    size = stats[:, 2:4].max(axis=1) * inside
    is_empty = size.max() <= MIN_INNER_SIZE * max(w, h)
    if is_empty or fill_hollow(np.asarray((filled > 0) & (cut > 0), np.uint8)) is not None:
        return outer, inside
    return int(size.argmax()), inside


def nearby_components(stats: Stats, main: int) -> npt.NDArray[np.bool_]:
    """Return for each component whether it is near the main one and large enough to be part of the digit: [count]."""
    x, y, w, h, area = stats.T
    reach = 0.25 * max(w[main], h[main])
    gap_x = np.maximum(x - (x[main] + w[main]), x[main] - (x + w))
    gap_y = np.maximum(y - (y[main] + h[main]), y[main] - (y + h))
    member = (np.maximum(gap_x, gap_y) < reach) & (area > 0.04 * area[main])
    member[0] = False
    return np.asarray(member, np.bool_)


def extends(longer: Digit, digit: Digit, gray: ImageArray) -> bool:
    """Return whether `longer` is the same digit with more strokes, each as sharp as a stroke: a shadow is not."""
    x, y, w, h = digit.box
    left, top, width, height = longer.box
    shared_x, shared_y = min(x + w, left + width) - max(x, left), min(y + h, top + height) - max(y, top)
    is_same = shared_x > 0 and shared_y > 0 and shared_x * shared_y > 0.7 * w * h and not longer.parts
    growth = max(max(longer.box[2:]) / max(w, h), np.count_nonzero(longer.mask) / np.count_nonzero(digit.mask))
    if not is_same or growth <= MIN_GROWTH or longer.contrast < MIN_CONTRAST_KEPT * digit.contrast:
        return False
    added = np.asarray(longer.mask > cv2.dilate(digit.mask, np.ones((5, 5), np.uint8)), np.uint8)
    return not added.any() or edge_contrast(added, gray) > MIN_CONTRAST_KEPT * digit.contrast


def contains(box: Box, inner: Box) -> bool:
    """Return whether `inner` lies within `box`."""
    axes = zip(box[:2], box[2:], inner[:2], inner[2:], strict=True)
    return all(start <= at and at + length <= start + size for start, size, at, length in axes)


def is_sheet(digit: Digit) -> bool:
    """Return whether the shape fills its convex hull like a sheet of paper, which may hold the digit."""
    _, _, w, h = digit.box
    hull = cv2.contourArea(cv2.convexHull(cv2.findNonZero(digit.mask)))
    return min(w, h) > 0.55 * max(w, h) and int(np.count_nonzero(digit.mask)) > 0.85 * hull


def is_stroke(mask: Mask) -> bool:
    """Return whether a pen can have drawn the shape: not too thick, and no tangle of outlines.

    MNIST's digits have at most 5 outlines, at most 7 times as long as the digit.
    """
    x, y, w, h = cv2.boundingRect(mask)
    padded = cv2.copyMakeBorder(mask[y : y + h, x : x + w], 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    outlines = cv2.findContours(padded, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0]
    perimeter = sum(cv2.arcLength(outline, True) for outline in outlines)
    size = max(w, h)
    is_simple = len(outlines) <= MAX_OUTLINES and perimeter <= MAX_PERIMETER * size
    return is_simple and thickness(mask) <= MAX_THICKNESS * size


def thickness(mask: Mask) -> float:
    """Return the width in pixels of the mask's widest part."""
    x, y, w, h = cv2.boundingRect(mask)
    padded = cv2.copyMakeBorder(mask[y : y + h, x : x + w], 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())


def edge_contrast(mask: Mask, gray: ImageArray) -> float:
    """Return the 12.5th percentile of the step in gray levels across the foreground's edge.

    A pen's stroke has a step all around. A slice of a shadow, or a stroke merged with one, has hardly any on much of
    its edge; the hollow outline of a thick stroke has none on its inner side.
    """
    x, y, w, h = cv2.boundingRect(mask)
    margin = max(5, max(w, h) // 10)
    cut = slice(max(0, y - margin), y + h + margin), slice(max(0, x - margin), x + w + margin)
    edge_px = max(EDGE_PX, round(MIN_EDGE_STROKE_PX * max(w, h) / max(thickness(mask), 1.0)))
    inside, levels = downscale(255 * mask[cut], edge_px) // 128, downscale(gray[cut], edge_px).astype(np.float32)
    square = np.ones((3, 3), np.uint8)
    outside = 1 - cv2.dilate(inside, square).astype(np.float32)
    weight = cv2.blur(outside, (7, 7))
    around = cv2.blur(levels * outside, (7, 7)) / np.maximum(weight, 1e-3)
    edge = (inside > cv2.erode(inside, square)) & (weight > 0.02)
    step = np.sort((cv2.blur(levels, (2, 2)) - around)[edge])
    return float(step[len(step) // 8]) if len(step) else 0.0
