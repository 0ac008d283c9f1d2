// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/pickle_graph.hpp"

#include "files.hpp"
#include "support/catch.hpp"

using hone::detail::PickleFault;
using hone::detail::PickleGraph;

TEST_CASE("a list that is filled after it was referenced is complete everywhere") {
  PickleGraph graph{{}};
  const auto list = graph.add(PickleGraph::Sequence{{}, false});
  const auto pair = graph.add(PickleGraph::Sequence{{list, list}, true});
  const auto number = graph.add(hone::Value(7));
  graph.node_as<PickleGraph::Sequence>(list, "a list").items.push_back(number);
  const auto value = graph.finished(pair);
  CHECK(value.items()[0].items()[0].get<std::int64_t>() == 7);
  CHECK(value.items()[1].items()[0].get<std::int64_t>() == 7);
}

TEST_CASE("PickleGraph throws PickleFault for a value of another type than expected") {
  PickleGraph graph{{}};
  const auto number = graph.add(hone::Value(7));
  CHECK(files::message<PickleFault>([&] { (void)graph.tuple(number); }) == "a tuple is expected");
  CHECK(files::message<PickleFault>([&] { (void)graph.value_as<std::string>(number); }) ==
        "a string is expected, not the int 7");
}

TEST_CASE("PickleGraph throws PickleFault for a list that contains itself") {
  PickleGraph graph{{}};
  const auto list = graph.add(PickleGraph::Sequence{{}, false});
  graph.node_as<PickleGraph::Sequence>(list, "a list").items.push_back(list);
  CHECK(files::message<PickleFault>([&] { (void)graph.finished(list); }) == "it is nested more than 100 deep");
}
