// SPDX-License-Identifier: Apache-2.0
#include "hone/distributed/slurm.hpp"

#include "support/catch.hpp"

using namespace hone;

TEST_CASE("first_host expands the first host of a list", "[slurm]") {
  CHECK(first_host("node1") == "node1");
  CHECK(first_host("node1,node2") == "node1");
  CHECK(first_host("node[03-07,12]") == "node03");
  CHECK(first_host("node[03,07-12]") == "node03");
  CHECK(first_host("node[7]") == "node7");
  CHECK(first_host("login,node[1-2]") == "login");
  CHECK(first_host("node[1-2].cluster.org,other") == "node1.cluster.org");
  CHECK(first_host("rack[01-02]node[3-4],rack7") == "rack01node3");
  CHECK(first_host("gpu-a[001-128]") == "gpu-a001");
  CHECK(first_host("").empty());
  CHECK(first_host("node[") == "node");
  CHECK(first_host("node[12") == "node12");
}

TEST_CASE("tasks_of_node reads the compressed list of tasks per node", "[slurm]") {
  CHECK(tasks_of_node("4", 0) == 4);
  CHECK(tasks_of_node("2(x3),1", 0) == 2);
  CHECK(tasks_of_node("2(x3),1", 2) == 2);
  CHECK(tasks_of_node("2(x3),1", 3) == 1);
  CHECK(tasks_of_node("1,16(x2),3", 2) == 16);
  CHECK(tasks_of_node("1,16(x2),3", 3) == 3);
}

TEST_CASE("tasks_of_node returns nullopt for an invalid list or a node out of range", "[slurm]") {
  for (const char* list : {"", "x", "2(x", "2(x)", "0", "-1", "2(x0)", ",2"}) {
    CAPTURE(list);
    CHECK(tasks_of_node(list, 0) == std::nullopt);
  }
  CHECK(tasks_of_node("2(x3),1", 4) == std::nullopt);
  CHECK(tasks_of_node("2(x3", 1) == std::nullopt);
  CHECK(tasks_of_node("2(3),1", 1) == std::nullopt);
  CHECK(tasks_of_node("2", -1) == std::nullopt);
}
