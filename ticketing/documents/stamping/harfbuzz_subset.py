"""Subsets of fonts with new glyph numbers, by HarfBuzz's public C interface.

WeasyPrint keeps the numbers, which makes a font of three Chinese characters 80 KB large.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_DECLARATIONS = """
typedef struct hb_face_t hb_face_t;
typedef struct hb_blob_t hb_blob_t;
typedef struct hb_set_t hb_set_t;
typedef struct hb_map_t hb_map_t;
typedef struct hb_subset_input_t hb_subset_input_t;
typedef struct hb_subset_plan_t hb_subset_plan_t;
void hb_set_add(hb_set_t *set, uint32_t number);
void hb_set_clear(hb_set_t *set);
uint32_t hb_map_get(const hb_map_t *map, uint32_t key);
hb_blob_t *hb_face_reference_blob(hb_face_t *face);
const char *hb_blob_get_data(hb_blob_t *blob, unsigned int *length);
void hb_blob_destroy(hb_blob_t *blob);
void hb_face_destroy(hb_face_t *face);
hb_subset_input_t *hb_subset_input_create_or_fail(void);
void hb_subset_input_destroy(hb_subset_input_t *input);
hb_set_t *hb_subset_input_glyph_set(hb_subset_input_t *input);
hb_set_t *hb_subset_input_set(hb_subset_input_t *input, int kind);
void hb_subset_input_set_flags(hb_subset_input_t *input, unsigned int flags);
hb_face_t *hb_subset_preprocess(hb_face_t *face);
hb_subset_plan_t *hb_subset_plan_create_or_fail(hb_face_t *face, const hb_subset_input_t *input);
hb_face_t *hb_subset_plan_execute_or_fail(hb_subset_plan_t *plan);
hb_map_t *hb_subset_plan_old_to_new_glyph_mapping(const hb_subset_plan_t *plan);
void hb_subset_plan_destroy(hb_subset_plan_t *plan);
"""
_LIBRARY = "libharfbuzz-subset.so.0"
_NO_HINTING, _DESUBROUTINIZE = 0x1, 0x4
_FLAGS = _NO_HINTING | _DESUBROUTINIZE
_DROPPED_TABLES = 3  # a kind of set of HarfBuzz
_LARGE_FACE_GLYPHS = 8_000
_STAGE_GROWTH = 8
# a PDF file needs outlines and metrics only
_USELESS_TABLES = (
    "BASE DSIG EBDT EBLC GDEF GPOS GSUB JSTF LTSH OS/2 PCLT STAT VDMX VORG cmap gasp hdmx"
    " kern meta name post vhea vmtx"
)


@dataclass(frozen=True, slots=True)
class FontSubset:
    """A font file with few glyphs, and their new numbers by the old ones."""

    content: bytes
    numbers: dict[int, int]


class SubsettingFailed(Exception):
    """HarfBuzz could not make the subset."""


@functools.cache
def _open() -> tuple[Any, Any]:
    """Return cffi's interface and the library. Raises OSError when it is not installed."""
    import cffi  # noqa: PLC0415  # 10 ms that most processes never need

    ffi = cffi.FFI()
    ffi.cdef(_DECLARATIONS)
    return ffi, ffi.dlopen(_LIBRARY)


@dataclass(frozen=True, slots=True)
class _Stage:
    """A face with few glyphs of a large one, and their numbers in it."""

    face: Any
    numbers: dict[int, int]


class SubsettableFace:
    """A face of which many subsets are made.

    A subset of a face of 65,000 glyphs takes 4 ms. It is made of a smaller face with the glyphs
    that were asked for until now, which takes 0.1 ms and gives the same bytes.
    """

    def __init__(self, address: int, glyph_count: int) -> None:
        """`address` is that of a `hb_face_t` which lives as long as this object."""
        self._ffi, self._library = _open()
        source = self._ffi.cast("hb_face_t *", address)
        self._is_large = glyph_count > _LARGE_FACE_GLYPHS
        if self._is_large:
            self._face = source
        else:  # finds out once what each subset would find out again; 300 MB for a large face
            prepared = self._library.hb_subset_preprocess(source)
            self._face = self._ffi.gc(prepared, self._library.hb_face_destroy)
        self._request = self._new_request()  # for all subsets: a new one takes 20 us
        self._stage = _Stage(None, {})
        self._waiting = set[int]()  # glyphs that the stage does not have yet

    def _new_request(self) -> Any:  # noqa: ANN401  # cffi is untyped
        """Return a request for a subset without glyphs."""
        library = self._library
        made = self._require(
            library.hb_subset_input_create_or_fail(), library.hb_subset_input_destroy
        )
        dropped = library.hb_subset_input_set(made, _DROPPED_TABLES)
        for tag in _useless_tags():
            library.hb_set_add(dropped, tag)
        library.hb_subset_input_set_flags(made, _FLAGS)
        return made

    def subset(self, glyphs: Iterable[int]) -> FontSubset:
        """Return a font of these glyphs and the parts that they are composed of."""
        wanted = sorted(glyphs)
        if not self._is_large:
            return self._read(self._reduce(self._face, wanted))
        stage = self._stage_with(wanted)
        made = self._reduce(stage.face, [stage.numbers[glyph] for glyph in wanted])
        numbers = {glyph: made.numbers[stage.numbers[glyph]] for glyph in wanted}
        return self._read(_Stage(made.face, numbers))

    def _stage_with(self, glyphs: list[int]) -> _Stage:
        """Return a stage that has these glyphs: the common one, or one for a single use."""
        if self._stage.numbers.keys() >= set(glyphs):
            return self._stage
        self._waiting.update(glyphs)
        if len(self._waiting) * _STAGE_GROWTH < len(self._stage.numbers):
            return self._reduce(self._face, glyphs)
        self._stage = self._reduce(self._face, sorted(self._waiting | self._stage.numbers.keys()))
        self._waiting.clear()
        return self._stage

    def _reduce(self, face: Any, glyphs: list[int]) -> _Stage:  # noqa: ANN401  # cffi is untyped
        library = self._library
        request = self._request
        chosen = library.hb_subset_input_glyph_set(request)
        library.hb_set_clear(chosen)
        for glyph in glyphs:
            library.hb_set_add(chosen, glyph)
        plan = self._require(
            library.hb_subset_plan_create_or_fail(face, request), library.hb_subset_plan_destroy
        )
        made = self._require(library.hb_subset_plan_execute_or_fail(plan), library.hb_face_destroy)
        numbers = library.hb_subset_plan_old_to_new_glyph_mapping(plan)
        return _Stage(made, {glyph: int(library.hb_map_get(numbers, glyph)) for glyph in glyphs})

    def _require(self, made: Any, destroy: Any) -> Any:  # noqa: ANN401  # cffi is untyped
        if made == self._ffi.NULL:
            raise SubsettingFailed("HarfBuzz cannot make the subset of a font")
        return self._ffi.gc(made, destroy)

    def _read(self, stage: _Stage) -> FontSubset:
        with self._ffi.new("unsigned int *") as length:
            blob = self._library.hb_face_reference_blob(stage.face)
            data = self._library.hb_blob_get_data(blob, length)
            content = bytes(self._ffi.buffer(data, length[0]))
            self._library.hb_blob_destroy(blob)
        return FontSubset(content, stage.numbers)


@functools.cache
def _useless_tags() -> tuple[int, ...]:
    return tuple(int.from_bytes(name.ljust(4).encode()) for name in _USELESS_TABLES.split())
