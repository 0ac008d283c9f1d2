// SPDX-License-Identifier: Apache-2.0
/// Runs on each rank that `mpirun` starts, with any number of ranks. Results are compared with closed-form expressions.
/// A test that changes or breaks MPI for its process has a hidden tag, and `mpirun` starts it separately.
#include "hone/distributed/mpi.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "hone/distributed/ddp.hpp"
#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using at::Tensor;
using Op = c10d::ReduceOp;

hone::ProcessGroup group() { return hone::Mpi{.timeout = 30s}; }

/// The backend without a ProcessGroup. Each call of MPI has at most `max_count` elements.
c10::intrusive_ptr<hone::MpiBackend> backend(std::int64_t max_count) {
  hone::MpiLibrary::start();
  return c10::make_intrusive<hone::MpiBackend>(hone::MpiCommunicator(MPI_COMM_WORLD),
                                               hone::MpiBackendOptions{.timeout = 30s, .max_count = max_count});
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}
bool contains(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

bool same(const Tensor& a, const Tensor& b) { return a.to(at::kDouble).equal(b.to(at::kDouble)); }

/// Alternating ones and twos: even ranks begin with 1, odd ranks with 2.
Tensor ones_and_twos(int rank, at::IntArrayRef shape, at::ScalarType type) {
  std::int64_t size = 1;
  for (const auto n : shape) size *= n;
  return (at::arange(size).add(rank).remainder(2).add(1)).to(type).view(shape);
}

TEST_CASE("allreduce supports every dtype and reduction") {
  for (const std::int64_t max_count : {7, 1'000'000}) {
    const auto mpi = backend(max_count);
    const int rank = mpi->getRank();
    const int n = mpi->getSize();
    // An even rank has 1 at even indices and 2 at odd indices.
    const int num_even = (n + 1) / 2;
    const auto in_places = [](double even, double odd) {
      return at::arange(101).remainder(2).to(at::kDouble).mul(odd - even).add(even);
    };
    const auto sum = in_places(num_even + 2 * (n - num_even), 2 * num_even + n - num_even);
    const auto product = in_places(std::pow(2.0, n - num_even), std::pow(2.0, num_even));
    const auto smallest = in_places(1, n > 1 ? 1 : 2);
    const auto largest = in_places(n > 1 ? 2 : 1, 2);
    for (const auto type :
         {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kInt, at::kLong, at::kShort, at::kChar, at::kByte}) {
      const auto reduced = [&](Op::RedOpType op) {
        std::vector<Tensor> values{ones_and_twos(rank, {101}, type)};
        c10d::AllreduceOptions options;
        options.reduceOp = op;
        const auto work = mpi->allreduce(values, options);
        work->wait();
        CHECK(work->isSuccess());
        CHECK(work->getFuture()->completed());
        return values[0];
      };
      INFO(c10::toString(type));
      CHECK(same(reduced(Op::SUM), sum));
      CHECK(same(reduced(Op::PRODUCT), product));
      CHECK(same(reduced(Op::MIN), smallest));
      CHECK(same(reduced(Op::MAX), largest));
      if (c10::isFloatingType(type)) {
        CHECK((reduced(Op::AVG).to(at::kDouble) - sum / n).abs().max().item<double>() <
              (type == at::kBFloat16 ? 1e-2 : 1e-3));
      } else {
        CHECK(contains(error_of([&] { reduced(Op::AVG); }), "cannot average elements of type"));
      }
    }
    const auto any = [&](Op::RedOpType op) {
      std::vector<Tensor> values{at::arange(n).eq(rank)};
      c10d::AllreduceOptions options;
      options.reduceOp = op;
      mpi->allreduce(values, options)->wait();
      CHECK(values[0].scalar_type() == at::kBool);
      return values[0].sum().item<std::int64_t>();
    };
    CHECK(any(Op::SUM) == n);
    CHECK(any(Op::MAX) == n);
    CHECK(any(Op::MIN) == (n == 1));
    CHECK(any(Op::PRODUCT) == (n == 1));
    mpi->shutdown();
  }
}

TEST_CASE("collectives are correct for strided, conjugate and empty tensors, and for tensors of several MPI calls") {
  for (const std::int64_t max_count : {5, 1'000'000}) {
    const auto mpi = backend(max_count);
    const int rank = mpi->getRank();
    const int n = mpi->getSize();
    const auto of_rank = [](int r) { return at::arange(24).reshape({2, 3, 4}).add(100.0 * r); };

    for (int root = 0; root < n; ++root) {
      const auto complex = [](const Tensor& values) { return values.to(at::kComplexFloat); };
      std::vector<Tensor> sent[] = {
          {of_rank(rank)}, {of_rank(rank).transpose(0, 2)}, {complex(of_rank(rank)).conj()}, {}};
      sent[3].push_back(at::zeros({0, 3}));
      c10d::BroadcastOptions options;
      options.rootRank = root;
      for (auto& tensors : sent) mpi->broadcast(tensors, options)->wait();
      CHECK(sent[0][0].equal(of_rank(root)));
      CHECK(sent[1][0].equal(of_rank(root).transpose(0, 2)));
      CHECK(sent[2][0].equal(complex(of_rank(root))));
      CHECK(sent[3][0].numel() == 0);

      std::vector<Tensor> reduced{of_rank(rank).transpose(0, 1)};
      c10d::ReduceOptions reduce;
      reduce.rootRank = root;
      mpi->reduce(reduced, reduce)->wait();
      if (rank == root)
        CHECK(reduced[0].equal((at::arange(24).reshape({2, 3, 4}) * n + 50.0 * n * (n - 1)).transpose(0, 1)));
    }

    std::vector<Tensor> parts;
    for (int r = 0; r < n; ++r) parts.push_back(r == 0 ? at::zeros({4, 3, 2}).transpose(0, 2) : at::zeros({2, 3, 4}));
    std::vector<std::vector<Tensor>> outputs{parts};
    std::vector<Tensor> inputs{of_rank(rank)};
    mpi->allgather(outputs, inputs, {})->wait();
    for (int r = 0; r < n; ++r) CHECK(parts[static_cast<std::size_t>(r)].equal(of_rank(r)));

    Tensor all = at::zeros({n, 2, 3, 4});
    Tensor mine = of_rank(rank);
    mpi->_allgather_base(all, mine, {})->wait();
    for (int r = 0; r < n; ++r) CHECK(all[r].equal(of_rank(r)));
    all.zero_();
    mine = all[rank];  // in place
    mine.copy_(of_rank(rank));
    mpi->_allgather_base(all, mine, {})->wait();
    for (int r = 0; r < n; ++r) CHECK(all[r].equal(of_rank(r)));

    const auto summed = at::arange(24).reshape({2, 3, 4}).add(10.0 * rank).mul(n).add(50.0 * n * (n - 1));
    const auto blocks = [&] {
      Tensor made = at::zeros({n, 2, 3, 4});
      for (int r = 0; r < n; ++r) made[r].copy_(of_rank(rank).add(10.0 * r));
      return made;
    };
    Tensor input = blocks();
    Tensor output = at::zeros({2, 3, 4});
    mpi->_reduce_scatter_base(output, input, {})->wait();
    CHECK(output.equal(summed));
    CHECK(input.equal(blocks()));
    output = input[rank];  // in place
    mpi->_reduce_scatter_base(output, input, {})->wait();
    CHECK(output.equal(summed));
    c10d::ReduceScatterOptions mean;
    mean.reduceOp = Op::AVG;
    input = blocks();
    output = at::zeros({4, 3, 2}).transpose(0, 2);
    mpi->_reduce_scatter_base(output, input, mean)->wait();
    CHECK((output - summed / n).abs().max().item<double>() < 1e-4);

    mpi->barrier({})->wait();
    mpi->shutdown();
  }
}

TEST_CASE("many collectives can be pending, and complete in order") {
  const auto mpi = backend(1'000'000);
  const int n = mpi->getSize();
  std::vector<c10::intrusive_ptr<c10d::Work>> works;
  std::vector<Tensor> tensors;
  for (int i = 0; i < 40; ++i) {
    std::vector<Tensor> one{at::full({1 + 997 * (i % 7)}, i)};
    tensors.push_back(one[0]);
    works.push_back(mpi->allreduce(one, {}));
  }
  works.back()->wait();
  for (int i = 0; i < 40; ++i) {
    CHECK(works[static_cast<std::size_t>(i)]->isCompleted());  // they end in order
    CHECK(tensors[static_cast<std::size_t>(i)].eq(i * n).all().item<bool>());
  }
}

TEST_CASE("unsupported tensors and options throw before any communication, and an aborted backend throws") {
  const auto mpi = backend(1'000'000);
  std::vector<Tensor> none;
  std::vector<Tensor> sparse{at::ones({2, 2}).to_sparse()};
  std::vector<Tensor> complex{at::ones({2}).to(at::kComplexDouble)};
  std::vector<Tensor> fine{at::ones({2})};
  c10d::BroadcastOptions from_nobody;
  from_nobody.rootRank = mpi->getSize();
  c10d::AllreduceOptions bits;
  bits.reduceOp = Op::BXOR;
  Tensor input = at::ones({3});
  Tensor output = at::ones({3 * mpi->getSize() + 1});
  CHECK(contains(error_of([&] { mpi->allreduce(none, {}); }), "needs one tensor, but got 0"));
  CHECK(contains(error_of([&] { mpi->allreduce(sparse, {}); }), "but got a sparse tensor"));
  CHECK(contains(error_of([&] { mpi->allreduce(complex, {}); }), "ComplexDouble"));
  CHECK(contains(error_of([&] { mpi->allreduce(fine, bits); }), "sum, mean, product, min or max"));
  CHECK(contains(error_of([&] { mpi->broadcast(fine, from_nobody); }), "broadcast with root rank"));
  CHECK(contains(error_of([&] { mpi->_allgather_base(output, input, {}); }), "all-gather got a tensor of"));
  CHECK(contains(error_of([] { backend(0); }), "max_count is 0"));
  CHECK(contains(error_of([] { hone::MpiCommunicator{MPI_COMM_NULL}; }), "MPI_COMM_NULL"));
  mpi->barrier({})->wait();

  mpi->abort();
  CHECK(contains(error_of([&] { mpi->barrier({})->wait(); }), "The group was aborted."));
}

TEST_CASE("a ProcessGroup over MPI reduces, broadcasts and gathers") {
  const auto mpi = group();
  const int rank = mpi.rank();
  const int n = mpi.world_size();
  const auto values = at::full({3}, rank + 1.0);
  mpi.all_reduce(values);
  CHECK(values.eq(n * (n + 1) / 2).all().item<bool>());
  mpi.all_reduce(values.fill_(rank), hone::Reduction::max);
  CHECK(values.eq(n - 1).all().item<bool>());
  mpi.broadcast(values.fill_(rank), n - 1);
  CHECK(values.eq(n - 1).all().item<bool>());

  const auto rows = mpi.all_gather(at::full({rank, 2}, rank));  // rank 0 has no rows
  for (int r = 0; r < n; ++r) {
    const auto& row = rows[static_cast<std::size_t>(r)];
    CHECK(row.sizes() == at::IntArrayRef({r, 2}));
    CHECK(row.eq(r).all().item<bool>());
  }
  CHECK(mpi.all_gather_strings("rank " + std::to_string(rank)).back() == "rank " + std::to_string(n - 1));
  mpi.barrier();
}

TEST_CASE("a group of a subset of the ranks works beside a group of all ranks") {
  const auto all = group();
  if (all.world_size() == 1) return;
  MPI_Comm half = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, all.rank() % 2, all.rank(), &half);
  const hone::ProcessGroup part = hone::Mpi{.communicator = half, .timeout = 30s};
  MPI_Comm_free(&half);
  CHECK(part.rank() == all.rank() / 2);
  const auto in_all = at::full({1000}, 1.0);
  const auto in_part = at::full({1000}, all.rank() % 2 + 1.0);
  auto first = all.begin_all_reduce(in_all, hone::Reduction::sum, "sum");
  if (part.world_size() > 1) part.begin_all_reduce(in_part, hone::Reduction::sum, "sum").wait();
  first.wait();
  CHECK(in_all.eq(all.world_size()).all().item<bool>());
  CHECK(in_part.eq((all.rank() % 2 + 1.0) * part.world_size()).all().item<bool>());
}

/// The members of a model that Ddp requires.
struct Model {
  hone::NamedParameters parameters;
  [[nodiscard]] const hone::NamedParameters& named_parameters() const { return parameters; }
};

TEST_CASE("Ddp averages gradients to the gradient of the global batch") {
  const auto mpi = group();
  const int rank = mpi.rank();
  const int n = mpi.world_size();
  const auto wave = [](at::IntArrayRef shape, double step) {
    std::int64_t size = 1;
    for (const auto d : shape) size *= d;
    return at::arange(size, at::kDouble).mul(step).cos().view(shape);
  };
  const auto inputs = wave({3 * n, 50}, 0.37);
  const auto model = [&](double factor) {
    Model made{{{"first", wave({50, 40}, 0.1)}, {"bias", wave({40}, 0.2)}, {"second", wave({40, 1}, 0.3)}}};
    for (auto& [name, value] : made.parameters) value.mul_(factor).requires_grad_();
    return made;
  };
  const auto loss = [](const Model& of, const Tensor& x) {
    const auto& w = of.parameters;
    return at::tanh(x.matmul(w[0].value) + w[1].value).matmul(w[2].value).square().mean();
  };
  auto together = model(1.0 + rank);  // `start` broadcasts the values of rank 0
  const auto alone = model(1.0);
  hone::Ddp ddp{mpi, {.bucket_bytes = 4096, .first_bucket_bytes = 64}};
  ddp.start(together);
  for (int step = 0; step < 3; ++step) {
    ddp.before_forward(/*update_follows=*/true);
    const auto mean = loss(together, inputs.narrow(0, 3 * rank, 3));
    ddp.backward(mean, /*update_follows=*/true, [](const Tensor& of) { of.backward(); });
    loss(alone, inputs).backward();
    for (std::size_t i = 0; i < 3; ++i) {
      const auto& mine = together.parameters[i].value.grad();
      const auto& expected = alone.parameters[i].value.grad();
      CHECK((mine - expected).abs().max().item<double>() < 1e-14);
      mine.zero_();
      expected.zero_();
    }
  }
}

// `mpirun` starts each of the following tests separately.

/// Initializes MPI, as a host program does.
void start_mpi(int level) {
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, level, &provided);
  REQUIRE(provided >= level);
}

TEST_CASE("MPI that the program initialized is neither initialized nor finalized by a group", "[.host]") {
  start_mpi(MPI_THREAD_SERIALIZED);
  {
    auto first = group();
    first.all_reduce(at::ones({2}));
    first.shutdown();
    CHECK(contains(error_of([&] { first.all_reduce(at::ones({2})); }),
                   first.world_size() > 1 ? "closed process group" : ""));
  }
  CHECK(hone::MpiLibrary::is_running());
  const auto outlives = group();
  outlives.barrier();
  const hone::ProcessGroup out_of_order = hone::Mpi{.communicator = MPI_COMM_SELF};
  MPI_Finalize();
  CHECK_FALSE(hone::MpiLibrary::is_running());
  CHECK(contains(error_of([] { group(); }), "cannot initialize it again"));
  CHECK(contains(error_of([&] { outlives.all_reduce(at::ones({2})); }), "MPI was finalized"));
}

TEST_CASE("a group throws if MPI was initialized for one thread, with the remedy in the message", "[.one_thread]") {
  start_mpi(MPI_THREAD_SINGLE);
  int level = MPI_THREAD_SINGLE;
  MPI_Query_thread(&level);
  if (level < MPI_THREAD_SERIALIZED) {
    CHECK(
        contains(error_of([] { group(); }), "Initialize it with MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED"));
  }
  MPI_Finalize();
}

TEST_CASE("the shutdown of the last group finalizes MPI if a group initialized it", "[.ends]") {
  auto first = group();
  auto second = group();
  const auto copy = second;
  first.shutdown();
  CHECK(hone::MpiLibrary::is_running());
  second.shutdown();  // and its copies
  CHECK_FALSE(hone::MpiLibrary::is_running());
}

TEST_CASE("a rank that hangs is named in the error after the timeout", "[.hangs]") {
  start_mpi(MPI_THREAD_SERIALIZED);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  {
    const hone::ProcessGroup mpi = hone::Mpi{.timeout = rank == 0 ? 2s : 30s};
    const auto values = at::ones({3});
    const auto begin = std::chrono::steady_clock::now();
    if (rank == 0) {
      const auto text = error_of([&] { mpi.all_reduce(values, hone::Reduction::sum, "sum of losses"); });
      INFO(text);
      CHECK(contains(text, "Rank 0 of 2 aborted the sum of losses: rank 1 did not arrive"));
      CHECK(contains(text, "The all-reduce of 3 elements"));
      CHECK(contains(text, "did not complete within 2 s"));
      CHECK(std::chrono::steady_clock::now() - begin > 2s);
      CHECK(std::chrono::steady_clock::now() - begin < 10s);
      CHECK(contains(error_of([&] { mpi.barrier(); }), "closed process group"));
    } else {
      std::this_thread::sleep_for(5s);
      static_cast<void>(error_of([&] { mpi.all_reduce(values); }));
    }
  }
  MPI_Finalize();
}

TEST_CASE("the reason of a failed rank is in the other rank's error before the timeout", "[.fails]") {
  start_mpi(MPI_THREAD_SERIALIZED);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  {
    const auto mpi = group();
    const auto begin = std::chrono::steady_clock::now();
    if (rank == 0) {
      const auto text = error_of([&] { mpi.all_reduce(at::ones({3})); });
      CHECK(text == "Rank 0 of 2 aborted the all-reduce: Rank 1 failed: no more data");
      CHECK(std::chrono::steady_clock::now() - begin < 2s);
    } else {
      mpi.fail("no more data");
    }
    Model model{{{"weights", at::ones({3}).requires_grad_()}}};
    hone::Ddp ddp{hone::Mpi{.timeout = 30s}};
    ddp.start(model);
    ddp.before_forward(/*update_follows=*/true);
    if (rank == 0) {
      const auto loss = model.parameters[0].value.sum();
      CHECK(error_of([&] { ddp.backward(loss, /*update_follows=*/true, [](const Tensor& of) { of.backward(); }); }) ==
            "Rank 0 of 2 aborted the all-reduce of gradients: Rank 1 failed: a hole in the data");
    } else {
      ddp.fail("a hole in the data");
    }
  }
  MPI_Finalize();
}

TEST_CASE("the rendezvous throws on every rank if a rank arrives after the timeout", "[.absent]") {
  start_mpi(MPI_THREAD_SERIALIZED);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const auto form = [](std::chrono::milliseconds timeout) { return hone::ProcessGroup(hone::Mpi{.timeout = timeout}); };
  CHECK(contains(error_of([&] { form(0ms); }), "Mpi: timeout is 0 ms. Set it to at least 1 ms"));
  if (rank == 1) std::this_thread::sleep_for(1500ms);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(contains(error_of([&] { form(500ms); }),
                 "Rank " + std::to_string(rank) +
                     " of 2: some ranks of the communicator did not create the process group within 500 ms"));
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
  if (rank == 0) {  // completes the barrier in which rank 1 has given up, for MPI_Finalize
    std::this_thread::sleep_for(3s);
    MPI_Request barrier = MPI_REQUEST_NULL;
    MPI_Ibarrier(MPI_COMM_WORLD, &barrier);
    MPI_Wait(&barrier, MPI_STATUS_IGNORE);
  }
  MPI_Finalize();
}

TEST_CASE("ranks that make different collective calls throw, with both calls in the message", "[.differs]") {
  start_mpi(MPI_THREAD_SERIALIZED);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Errhandler before = MPI_ERRHANDLER_NULL;
  MPI_Comm_get_errhandler(MPI_COMM_WORLD, &before);
  {
    using Call = std::function<void(const hone::ProcessGroup&)>;
    const auto differ = [rank](const Call& zero, const std::string& first, const Call& one, const std::string& second) {
      const auto mpi = group();
      mpi.barrier();
      const auto begin = std::chrono::steady_clock::now();
      // If sizes differ, MPI rejects a message that is too long and accepts one that is too short, which fails
      // in the next call.
      const auto text = error_of([&] {
        (rank == 0 ? zero : one)(mpi);
        mpi.barrier();
      });
      INFO(text);
      CHECK(contains(text, "Rank " + std::to_string(rank) + " of 2 aborted the "));
      CHECK(contains(text, "the ranks make different collective calls"));
      CHECK(contains(text, first + " on rank 0"));
      CHECK(contains(text, second + " on rank 1"));
      CHECK(std::chrono::steady_clock::now() - begin < 5s);
      CHECK(mpi.is_closed());
    };
    const auto sum_of = [](std::int64_t size) {
      return [size](const hone::ProcessGroup& mpi) { mpi.all_reduce(at::ones({size})); };
    };
    // Different collectives, with messages of different and of equal length.
    differ([](const hone::ProcessGroup& mpi) { static_cast<void>(mpi.all_gather_strings("saves")); },
           "the all-gather of 4 Long elements", sum_of(100'000), "the all-reduce of 100000 Float elements");
    differ([](const hone::ProcessGroup& mpi) { static_cast<void>(mpi.all_gather_int64(1)); },
           "the all-gather of 2 Long elements", sum_of(2), "the all-reduce of 2 Float elements");
    // The same collective with different sizes.
    differ(sum_of(2), "the all-reduce of 2 Float elements", sum_of(100'000), "the all-reduce of 100000 Float elements");
    differ(sum_of(100'000), "the all-reduce of 100000 Float elements", sum_of(2), "the all-reduce of 2 Float elements");

    // Rank 0 has left its loop and saves, while rank 1 continues to train.
    Model model{{{"weights", at::ones({3}).requires_grad_()}}};
    hone::Ddp ddp{hone::Mpi{.timeout = 30s}};
    ddp.start(model);
    const auto text = error_of([&] {
      if (rank == 0) {
        static_cast<void>(ddp.all_gather_strings("saves"));
      } else {
        ddp.before_forward(/*update_follows=*/true);
        const auto loss = model.parameters[0].value.sum();
        ddp.backward(loss, /*update_follows=*/true, [](const Tensor& of) { of.backward(); });
      }
    });
    INFO(text);
    CHECK(contains(text, "the ranks make different collective calls"));
    CHECK(contains(text, "the all-gather of 4 Long elements on rank 0"));
    CHECK(contains(text, "on rank 1"));
  }
  MPI_Errhandler after = MPI_ERRHANDLER_NULL;
  MPI_Comm_get_errhandler(MPI_COMM_WORLD, &after);
  CHECK(before == after);
  MPI_Finalize();
}

}  // namespace
