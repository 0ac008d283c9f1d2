// SPDX-License-Identifier: Apache-2.0
/// Kills a small but complete training job, or stops it with SIGTERM, repeatedly at random times. Each time, the job
/// resumes from its folder. At the end, its files must be bytewise equal to the files of an uninterrupted job.
///
///     kill_test 1000 [SEED]
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <torch/torch.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <thread>

#include "checkpoint/files.hpp"
#include "hone/checkpoint/atomic_file.hpp"
#include "hone/finetune/model_ema.hpp"
#include "hone/hone.hpp"
#include "support/temporary_folder.hpp"

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

/// The phase of the job.
enum class Place { starting, training, saving_state, evaluating, saving_best, ending };
constexpr std::array<const char*, 6> place_names{"starting",   "training",        "saving a training state",
                                                 "evaluating", "saving the best", "ending"};

/// Shared memory that outlives the job.
struct Page {
  std::atomic<Place> place;
  std::atomic<std::int64_t> num_steps;  // computed, including steps that were lost

  static Page& in(int file) {
    void* const memory = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) std::abort();
    return *static_cast<Page*>(memory);
  }
};

template <Place place>
struct Mark {
  Page& page;
  void operator()(const auto&) const { page.place = place; }
};

// ---------------------------------------------------------------------------------------------------------- the job

struct NetImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& inputs) { return last(dropout(torch::relu(norm(first(inputs))))); }
  torch::nn::Linear first = register_module("first", torch::nn::Linear(20, 48));
  torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d(48));
  torch::nn::Dropout dropout = register_module("dropout", torch::nn::Dropout(0.3));
  torch::nn::Linear last = register_module("last", torch::nn::Linear(48, 4));
};
TORCH_MODULE(Net);

hone::TensorDataset<std::pair<torch::Tensor, torch::Tensor>> samples(std::int64_t count, double phase) {
  auto inputs = (torch::arange(count * 20) * 0.37 + phase).sin().reshape({count, 20}).contiguous();
  auto labels = inputs.slice(1, 0, 4).argmax(1);
  return {std::move(inputs), std::move(labels)};
}

void write(const fs::path& path, const hone::RunHistory& history, auto&& format) {
  std::ostringstream text;
  format(text, history);
  hone::AtomicFile file(path);
  file.write(text.str());
  file.commit();
}

constexpr int exit_code_when_stopped = 3;

/// Returns false if a signal stopped the job.
bool run_job(const fs::path& folder, Page& page) {
  torch::manual_seed(1);
  hone::Trainer trainer{
      Net(),
      torch::nn::CrossEntropyLoss{},
      hone::AdamW{.lr = 0.02},
      hone::GradAccum<3>{},
      hone::ClipNorm{.max_norm = 1.0},
      hone::CosineLr{.warmup_updates = 6},
      hone::StopOnSignal{},
      hone::on<hone::TrainEpochStart>(Mark<Place::training>{page}),
      hone::on<hone::TrainStepEnd>([&page](const auto&) { ++page.num_steps; }),
      hone::on<hone::EvalEpochStart>(Mark<Place::evaluating>{page}),
      hone::Metrics{hone::Accuracy{}, hone::F1{.average = hone::Average::macro}}.in_training(),
      hone::IntermediateEvaluation{.every_n_updates = 4},
      hone::LimitEvalBatches{.num_batches = 8},
      hone::ModelEma{.decay = 0.9,
                     .callbacks = hone::CallbackSet{hone::on<hone::EvalEpochStart>(Mark<Place::evaluating>{page}),
                                                    hone::Metrics{hone::Accuracy{}}}},
      hone::on<hone::TrainingRunEpochEnd>(Mark<Place::saving_best>{page}),
      hone::SaveBest{.save_path = folder / "best.pt"},
      hone::EarlyStopping{.patience = 100, .watch_metric = "ema_model_eval_loss_epoch"},
      hone::on<hone::ResumePoint>(Mark<Place::saving_state>{page}),
      hone::SaveTrainingState{.save_dir = folder, .save_every_n_updates = 1, .keep_last = 2},
      hone::on<hone::ResumePoint>(
          [&page](const auto& event) { page.place = event.is_last ? Place::ending : Place::training; })};
  const auto history = trainer.resume(hone::latest_training_state(folder), samples(1024, 0.0), samples(1024, 1.0),
                                      {.num_epochs = 5, .per_device_batch_size = 64, .seed = 5, .num_threads = 1});
  if (history.stop_reason()) return false;
  page.place = Place::ending;
  write(folder / "history.csv", history, [](auto& out, const auto& all) { hone::write_csv(out, all); });
  write(folder / "history.json", history, [](auto& out, const auto& all) { hone::write_json(out, all); });
  trainer.save_checkpoint(folder / "final.pt");
  return true;
}

// ------------------------------------------------------------------------------------------------------- the killer

class Killer {
 public:
  explicit Killer(std::uint64_t seed) : random_(seed), file_(::memfd_create("page", 0)) {
    if (file_ < 0 || ::ftruncate(file_, sizeof(Page)) != 0) std::abort();
    page_ = &Page::in(file_);
  }

  /// Runs a job without interruption, and measures its duration.
  void run_whole(const fs::path& folder) {
    const auto begin = Clock::now();
    const pid_t job = start(folder);
    wait_for_training(job);
    const auto trains = Clock::now();
    finish(job);
    starting_ = trains - begin;
    training_ = Clock::now() - trains;
    whole_steps_ = page_->num_steps;
    std::printf("undisturbed: %.0f ms to start, then %.0f ms for %lld steps\n", starting_.count(), training_.count(),
                static_cast<long long>(whole_steps_));
  }

  /// Restarts a job until it finishes, with at most `most` kills.
  void run_killed(const fs::path& folder, std::int64_t most) {
    page_->num_steps = 0;
    for (const auto before = num_kills();; ++num_starts_) {
      const pid_t job = start(folder);
      if (num_kills() - before < most) {
        wait_and_kill(job);
        if (was_killed(job)) continue;
      } else {
        finish(job);
      }
      ++num_jobs_;
      num_steps_ += page_->num_steps;
      return;
    }
  }

  [[nodiscard]] std::int64_t num_kills() const {
    std::int64_t all = 0;
    for (const auto& counts : {kills_, stops_}) {
      for (const auto count : counts) all += count;
    }
    return all;
  }
  /// True if jobs were killed while training, saving a state and evaluating, and stopped while evaluating.
  [[nodiscard]] bool has_hit_all() const { return kills_[1] > 0 && kills_[2] > 0 && kills_[3] > 0 && stops_[3] > 0; }
  void report() const {
    std::printf("%lld kills over %lld jobs\n", static_cast<long long>(num_kills()), static_cast<long long>(num_jobs_));
    report("SIGKILL", kills_);
    report("SIGTERM", stops_);
    std::printf("%lld steps were computed, %lld would have been without kills\n", static_cast<long long>(num_steps_),
                static_cast<long long>(num_jobs_ * whole_steps_));
  }

 private:
  using Counts = std::array<std::int64_t, place_names.size()>;

  static void report(const char* signal, const Counts& counts) {
    std::printf("%s:", signal);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      std::printf(" %lld %s%s", static_cast<long long>(counts[i]), place_names[i], i + 1 < counts.size() ? "," : "\n");
    }
  }

  pid_t start(const fs::path& folder) {
    page_->place = Place::starting;
    const auto file = std::to_string(file_);
    const pid_t parent = ::getpid();
    const pid_t job = ::fork();
    if (job < 0) std::abort();
    if (job == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() == parent) ::execl("/proc/self/exe", "kill_test", "--job", folder.c_str(), file.c_str(), nullptr);
      ::_exit(127);
    }
    return job;
  }

  static bool is_running(pid_t job) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(job), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
  }
  void wait_for_training(pid_t job) const {
    while (page_->place == Place::starting && is_running(job)) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  /// Sends a signal at a random time: with probability 0.1 while the process starts, otherwise during training, in half
  /// of these cases in a chosen phase. With probability 0.25 the signal is SIGTERM, and the chosen phase `evaluating`.
  void wait_and_kill(pid_t job) {
    signal_ = share() < 0.25 ? SIGTERM : SIGKILL;
    const bool early = share() < 0.1;
    if (!early) wait_for_training(job);
    wait(job, share() * (early ? starting_ : training_ / 5));
    if (!early && share() < 0.5) {
      constexpr std::array places{Place::training, Place::saving_state, Place::evaluating, Place::saving_best};
      auto place = places[static_cast<std::size_t>(share() * places.size())];
      if (signal_ == SIGTERM) place = Place::evaluating;
      while (page_->place != place && is_running(job)) std::this_thread::sleep_for(std::chrono::microseconds(20));
      wait(job, share() * Milliseconds(2));
    }
    place_ = page_->place;
    ::kill(job, signal_);
  }
  static void wait(pid_t job, Milliseconds delay) {
    const auto until = Clock::now() + delay;
    while (Clock::now() < until && is_running(job)) {
      std::this_thread::sleep_for(std::min<Milliseconds>(until - Clock::now(), Milliseconds(5)));
    }
  }
  double share() { return std::uniform_real_distribution<double>(0.0, 1.0)(random_); }

  bool was_killed(pid_t job) {
    int status = 0;
    ::waitpid(job, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
      ++kills_[static_cast<std::size_t>(page_->place.load())];
      return true;
    }
    // A process that is starting has not installed its handler for SIGTERM yet.
    if ((WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) ||
        (WIFEXITED(status) && WEXITSTATUS(status) == exit_code_when_stopped)) {
      ++stops_[static_cast<std::size_t>(place_)];
      return true;
    }
    require_success(status);
    return false;
  }
  static void finish(pid_t job) {
    int status = 0;
    ::waitpid(job, &status, 0);
    require_success(status);
  }
  static void require_success(int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    std::printf("the job failed with status %d\n", status);
    std::exit(1);
  }

  std::mt19937_64 random_;
  int file_;
  Page* page_;
  Milliseconds starting_{}, training_{};
  Counts kills_{}, stops_{};
  int signal_ = SIGKILL;
  Place place_ = Place::starting;  ///< The phase of the job when the signal was sent.
  std::int64_t num_jobs_ = 0, num_starts_ = 0, num_steps_ = 0, whole_steps_ = 0;
};

/// Returns the contents of all files of a folder, including files that a killed writer left.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::directory_iterator(folder)) {
    all[entry.path().filename().string()] = files::read(entry.path());
  }
  return all;
}

bool are_same(const fs::path& expected, const fs::path& folder) {
  const auto left = contents(expected), right = contents(folder);
  if (left == right) return true;
  for (const auto& [name, bytes] : left) {
    if (!right.contains(name))
      std::printf("%s is missing\n", name.c_str());
    else if (right.at(name) != bytes)
      std::printf("%s differs\n", name.c_str());
  }
  for (const auto& [name, bytes] : right) {
    if (!left.contains(name)) std::printf("%s should not be there\n", name.c_str());
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--job") {
    return run_job(argv[2], Page::in(std::atoi(argv[3]))) ? 0 : exit_code_when_stopped;
  }
  const std::int64_t wanted = argc > 1 ? std::atoll(argv[1]) : 20;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device{}();
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));

  const TemporaryFolder whole;
  Killer killer(seed);
  killer.run_whole(whole.path);
  while (killer.num_kills() < wanted || !killer.has_hit_all()) {
    const TemporaryFolder folder;
    killer.run_killed(folder.path, std::max(wanted - killer.num_kills(), std::int64_t{1}));
    if (!are_same(whole.path, folder.path)) {
      killer.report();
      return 1;
    }
  }
  killer.report();
  return 0;
}
