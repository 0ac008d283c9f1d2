// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/pickle_reader.hpp"

#include "pickle.hpp"
#include "support/catch.hpp"

using pickle::bytes;
using pickle::refusal;

TEST_CASE("PickleReader reads numbers, strings and containers as Python does") {
  // pickle.dumps([1, 300, -2, 2**40, 0.5, "a", None, True, (1, 2), {"k": []}], 2)
  const auto value =
      pickle::read(bytes("\x80\x02]q\x00(K\x01M,\x01J\xfe\xff\xff\xff\x8a\x06\x00\x00\x00\x00\x00\x01G?\xe0"
                         "\x00\x00\x00\x00\x00\x00X\x01\x00\x00\x00"
                         "aq\x01N\x88K\x01K\x02\x86q\x02}q\x03X"
                         "\x01\x00\x00\x00kq\x04]q\x05se."));
  const auto items = value.items();
  REQUIRE(items.size() == 10);
  CHECK(items[0].get<std::int64_t>() == 1);
  CHECK(items[1].get<std::int64_t>() == 300);
  CHECK(items[2].get<std::int64_t>() == -2);
  CHECK(items[3].get<std::int64_t>() == std::int64_t{1} << 40);
  CHECK(items[4].get<double>() == 0.5);
  CHECK(items[5].get<std::string>() == "a");
  CHECK(items[6].is_none());
  CHECK(items[7].get<bool>());
  CHECK(items[8].is<hone::Tuple>());
  CHECK(items[9].at("k").items().empty());
}

TEST_CASE("PickleReader reads signed long integers of up to 64 bits") {
  CHECK(pickle::read(bytes("\x8a\x00.")).get<std::int64_t>() == 0);
  CHECK(pickle::read(bytes("\x8a\x01\xff.")).get<std::int64_t>() == -1);
  CHECK(pickle::read(bytes("\x8a\x02\xff\x00.")).get<std::int64_t>() == 255);
  CHECK(files::contains(refusal(bytes("\x8a\x09\0\0\0\0\0\0\0\0\1.")),
                        "an integer has 9 bytes, and the widest is int64"));
}

TEST_CASE("an object that is referenced twice is read in both places") {
  // (a, a) with a = [1], which is memoized before it is filled
  const auto value = pickle::read(bytes("]q\x00(K\x01") + bytes("eh\x00\x86."));
  REQUIRE(value.items().size() == 2);
  CHECK(value.items()[1].items()[0].get<std::int64_t>() == 1);
}

TEST_CASE("PickleReader throws DataError with the position of an invalid opcode") {
  struct Case {
    std::string text, sentence;
  };
  const std::vector<Case> cases{
      {"", "at byte 0: it is truncated"},
      {bytes("X\xff\xff\xff\xff"
             "a."),
       "it is truncated"},
      {bytes("X\x00\x00\x00\x80"
             "a."),
       "it is truncated"},
      {"U\xff.", "it is truncated"},
      {"G123.", "it is truncated"},
      {".", "a value is missing"},
      {"R.", "a value is missing"},
      {"N(\x85.", "a value is missing"},
      {"\x86.", "a value is missing"},
      {"a.", "a value is missing"},
      {"t.", "the beginning of a list is missing"},
      {"(Nq.", "it is truncated"},
      {"h\x05.", "it refers to the memo entry 5, which does not exist"},
      {bytes("j\xff\xff\xff\xff."), "it refers to the memo entry 4294967295"},
      {"NNa.", "a list is expected"},
      {")Na.", "it appends to a tuple"},
      {"]NNs.", "a dictionary is expected"},
      {"}(Nu.", "a key has no value"},
      {"}]Ns.", "The key of a dictionary is a list of 0"},
      {"]Nb.", "a dictionary, the only value with attributes, is expected"},
      {"\x80\x04N.", "it has protocol 4"},
      {"\x95N.", "the opcode 0x95"},
      {"i", "the opcode 0x69"},
      {"\x82\x01.", "the opcode 0x82"},
  };
  for (const auto& test : cases) {
    INFO(test.sentence);
    std::string text;
    try {
      text = refusal(test.text);
    } catch (const std::invalid_argument& error) {
      text = error.what();  // the reader of the file adds its name
    }
    CHECK(files::contains(text, test.sentence));
  }
}

TEST_CASE("PickleReader limits nesting, the number of values and repeated text") {
  std::string deep;
  for (int i = 0; i < 101; ++i) deep += "](";
  CHECK(files::contains(refusal("](" + deep + "N" + std::string(102, 'e') + "."), "nested more than 100 deep"));
  CHECK(files::contains(refusal("]q" + std::string(1, '\0') + "h" + std::string(1, '\0') + "a."),
                        "nested more than 100 deep"));

  std::string laughs = "]q" + std::string(1, '\0');
  for (char level = 1; level < 40; ++level) {  // each list contains the previous one ten times
    laughs += "](";
    for (int i = 0; i < 10; ++i) laughs += std::string("h") + static_cast<char>(level - 1);
    laughs += std::string("eq") + level;
  }
  CHECK(files::contains(refusal(laughs + "."), "more than 4194304 values"));

  std::string text = "]q" + std::string(1, '\0') + pickle::string(std::string(1000, 'x')) + "q\x01";
  text += "](";
  for (int i = 0; i < 200; ++i) text += "h\x01";
  CHECK(files::contains(refusal(text + "e.", {.text_bytes = 100'000}), "its repeated strings are too long"));

  const hone::detail::PickleLimits few{.values = 1000};
  CHECK(files::contains(refusal(std::string(1001, 'N') + ".", few), "more than 1000 values"));
  CHECK(files::contains(refusal(std::string(1001, '(') + ".", few), "more than 1000 values"));
  std::string memo = "N";
  for (int i = 0; i < 1001; ++i)
    memo += std::string("r") + static_cast<char>(i) + static_cast<char>(i >> 8) + std::string(2, '\0');
  CHECK(files::contains(refusal(memo + ".", few), "more than 1000 values"));
}
