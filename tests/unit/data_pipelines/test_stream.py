import subprocess
import sys
import time
import weakref

import numpy as np
import pytest

from data_pipelines import stream
from data_pipelines.prepare import DataError, workers
from data_pipelines.stream import tensorflow


def positions(batches, steps):
    return [next(batches)["x"][:, 0].astype(int).tolist() for _ in range(steps)]


def write(position, into):
    into["x"][...] = position


def batches(writer=write, **options):
    options = {"start_step": 0, "batch_size": 4} | options
    return stream.Batches(writer, shapes={"x": (2,)}, **options)


@pytest.mark.parametrize("length", [1, 2, 7, 50])
def test_every_epoch_is_a_permutation(length):
    for epoch in range(3):
        order = [
            stream.shuffled(epoch * length + place, length=length, seed=(0, 1))
            for place in range(length)
        ]
        assert sorted(order) == list(range(length))


def test_order_depends_on_seed_and_epoch():
    def order(seed, epoch):
        return tuple(stream.shuffled(epoch * 20 + p, length=20, seed=seed) for p in range(20))

    orders = {order(seed, epoch) for seed in ((0, 0), (0, 1), (1, 0)) for epoch in range(3)}
    assert len(orders) == 9
    assert order((0, 0), 2) == order((0, 0), 2)


def test_order_is_the_same_for_ever():
    # a change breaks the resumption of every run: it must be meant
    assert [stream.shuffled(p, length=6, seed=(0, 2)) for p in range(12)] == [
        3,
        4,
        2,
        1,
        5,
        0,
        0,
        4,
        3,
        1,
        2,
        5,
    ]


def test_long_epochs_are_shuffled_piece_by_piece_into_one_permutation():
    length = 2 * stream._PLACES + 5
    order = [stream.shuffled(length + place, length=length, seed=(3, 2)) for place in range(length)]
    assert sorted(order) == list(range(length))
    whole = tensorflow().random.experimental.index_shuffle(
        np.int64(length - 1),
        seed=np.random.SeedSequence((3, 2, 1)).generate_state(2).astype(np.int64),
        max_index=np.int64(length - 1),
    )
    assert order[-1] == int(whole)


def test_each_place_gets_each_item_equally_often():
    counts = np.zeros((4, 4))
    for epoch in range(400):
        for place in range(4):
            counts[place, stream.shuffled(epoch * 4 + place, length=4, seed=(7, 2))] += 1
    assert np.abs(counts - 100).max() < 40  # four standard deviations are 35


def test_batches_cover_all_positions_in_order():
    def uneven(position, into):
        time.sleep(0.03 * (position % 2 == 0))
        write(position, into)

    assert positions(batches(uneven), 3) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_batches_start_at_any_step():
    assert positions(batches(start_step=10**6), 1) == [list(range(4 * 10**6, 4 * 10**6 + 4))]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_processes_share_each_global_batch(count):
    shares = [batches(start_step=3, process_index=k, process_count=count) for k in range(count)]
    for step in (3, 4, 5):
        joined = [p for share in shares for p in positions(share, 1)[0]]
        assert joined == list(range(4 * step, 4 * step + 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_step": -1}, "start_step must be 0 or more, got -1"),
        ({"process_count": 3}, "batch_size=4 cannot be shared by 3 .* multiple of 3"),
        ({"process_count": 2, "process_index": 2}, r"process_index must be in \[0, 2\), got 2"),
    ],
)
def test_batches_refuse_wrong_numbers(options, message):
    with pytest.raises(ValueError, match=message):
        batches(**options)


def test_batches_are_read_only_and_lie_where_jax_takes_them_over():
    shapes = {"x": (3, 5, 1), "mask": (1,), "y": (2, 2, 3)}

    def numbered(position, into):
        for number, key in enumerate(shapes):
            into[key][...] = 10 * position + number

    made = stream.Batches(numbered, shapes=shapes, start_step=1, batch_size=3)
    batch = next(made)
    made.close()
    assert list(batch) == list(shapes)
    for number, (key, array) in enumerate(batch.items()):
        assert array.dtype == np.float32 and array.shape == (3, *shapes[key])
        assert array.flags.c_contiguous and array.ctypes.data % 64 == 0
        assert [set(np.unique(item)) for item in array] == [{10 * p + number} for p in (3, 4, 5)]
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_batch_stays_as_it_is_while_others_are_made():
    made = batches()
    first = next(made)
    copy = first["x"].copy()
    positions(made, 20)
    made.close()
    np.testing.assert_array_equal(first["x"], copy)


def test_error_of_an_item_arrives_as_it_is_in_its_turn():
    def failing(position, into):
        if position == 5:
            time.sleep(0.02)
            raise DataError("the disk is gone")
        if position > 5:
            raise ValueError("later, though it came first")
        write(position, into)

    made = batches(failing)
    assert positions(made, 1) == [[0, 1, 2, 3]]
    for _ in range(2):
        with pytest.raises(DataError, match="the disk is gone"):
            next(made)
    made.close()


def test_examples_are_copied_if_they_are_what_was_promised():
    def example(position):
        return {"x": np.full(2, position, np.float32), "not asked for": np.zeros(1)}

    made = batches(stream.written(example))
    assert positions(made, 2) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    made.close()


@pytest.mark.parametrize(
    ("example", "error", "message"),
    [
        ({"x": np.zeros(1, np.float32)}, ValueError, r"x must be \(2,\), .* got \(1,\)"),
        ({"y": np.zeros(2, np.float32)}, KeyError, "x"),
    ],
)
def test_examples_of_another_shape_are_refused(example, error, message):
    made = batches(stream.written(lambda position: example))
    with pytest.raises(error, match=message):
        next(made)
    made.close()


def counting():
    """A list of the positions that were written, and what writes."""
    calls = []

    def counted(position, into):
        calls.append(position)
        write(position, into)

    return calls, counted


def settled(calls):
    """How many there are once no more come."""
    known = -1
    while known != len(calls):
        known = len(calls)
        time.sleep(0.05)
    return known


def test_close_ends_the_stream():
    calls, counted = counting()
    made = batches(counted)
    next(made)
    made.close()
    before = settled(calls)
    assert list(made) == []
    made.close()
    assert settled(calls) == before


def test_the_last_reference_ends_the_stream():
    calls, counted = counting()
    made = batches(counted)
    next(made)
    gone = weakref.ref(made)
    del made
    before = settled(calls)
    time.sleep(0.1)
    assert gone() is None and len(calls) == before


def test_no_more_is_made_than_may_wait():
    calls, counted = counting()
    made = batches(counted, batch_size=2)
    next(made)
    # taken, waiting, the one that waits to wait; what each thread has finished and has begun
    assert settled(calls) <= 2 * (1 + stream.PREFETCH + 1) + 2 * workers()
    assert sorted(calls) == list(range(len(calls)))
    made.close()


def test_program_ends_cleanly_while_examples_are_made():
    code = (
        "import time\n"
        "from data_pipelines import stream\n"
        "def slow(position, into):\n"
        "    time.sleep(0.05)\n"
        "next(iter(made := stream.Batches(slow, shapes={'x': (2,)}, start_step=0, batch_size=1)))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "Error" not in ended.stderr and "Warning" not in ended.stderr


def shuffled(load, *, count=5):
    skipped = {}
    names = [f"{index}.png" for index in range(count)]
    return stream.Shuffled(load, names=names, seed=(0, 0), skipped=skipped), skipped


def test_unreadable_gives_way_to_its_neighbour():
    def load(index):
        if index == 3:
            raise OSError("no such file")
        return index

    order = [stream.shuffled(place, length=5, seed=(0, 0)) for place in range(5)]
    items, skipped = shuffled(load)
    made = [items.at(place) for place in range(5)]
    place = order.index(3)
    expected = order.copy()
    expected[place] = order[(place + 1) % 5]
    assert made == expected
    assert skipped == {"3.png": "no such file"}


def test_neighbour_of_the_last_place_is_in_the_same_epoch():
    order = [stream.shuffled(5 + place, length=5, seed=(0, 0)) for place in range(5)]

    def load(index):
        if index == order[-1]:
            raise ValueError("damaged")
        return index

    assert shuffled(load)[0].at(9) == order[0]


def test_all_unreadable_is_an_error():
    def load(index):
        raise OSError("gone")

    items, skipped = shuffled(load)
    with pytest.raises(DataError, match=r"none of 5 pictures can be read, such as \d.png \(gone\)"):
        items.at(0)
    assert len(skipped) == 5
