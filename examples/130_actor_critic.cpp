// SPDX-License-Identifier: Apache-2.0
/// An actor and a critic, each with a loss and an optimizer, in a custom loop: 64 walkers in a corridor of six cells
/// learn to go right, where the reward is.
/* prints:
 * the actor goes right in each cell: true
 * the critic values the cell before the goal most: true
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <boost/hana.hpp>
#include <hone/hone.hpp>

constexpr std::int64_t num_cells = 6, num_walkers = 64;
constexpr double discount = 0.9;

struct Transitions {
  torch::Tensor cells;   // [walkers], positions before the move
  torch::Tensor moves;   // [walkers], 0 is left, 1 is right
  torch::Tensor reward;  // [walkers], 1 at the goal
  torch::Tensor next;    // [walkers], positions after the move
};
BOOST_HANA_ADAPT_STRUCT(Transitions, cells, moves, reward, next);

struct AgentImpl : torch::nn::Module {
  torch::nn::Embedding actor = register_module("actor", torch::nn::Embedding(num_cells, 2));
  torch::nn::Embedding critic = register_module("critic", torch::nn::Embedding(num_cells, 1));
  AgentImpl() {
    const torch::NoGradGuard no_gradients;
    for (auto& parameter : parameters()) parameter.zero_();
  }
  torch::Tensor log_policy(const torch::Tensor& cells) { return torch::log_softmax(actor(cells), 1); }
  torch::Tensor value(const torch::Tensor& cells) { return critic(cells).squeeze(1); }
  /// The advantage of the moves over the critic's estimate. The value of the goal, a terminal state, is 0.
  torch::Tensor advantage(const Transitions& t) {
    const auto later = value(t.next).detach() * (1.0 - t.reward);
    return t.reward + discount * later - value(t.cells);
  }
};
TORCH_MODULE(Agent);

int main() {
  torch::manual_seed(0);
  const auto critic_loss = [](Agent& agent, const Transitions& t) { return agent->advantage(t).square().mean(); };
  const auto actor_loss = [](Agent& agent, const Transitions& t) {
    const auto policy = agent->log_policy(t.cells);
    const auto of_moves = policy.gather(1, t.moves.unsqueeze(1)).squeeze(1);
    const auto entropy = -(policy.exp() * policy).sum(1).mean();
    return -(of_moves * agent->advantage(t).detach()).mean() - 0.01 * entropy;
  };

  auto trainer =
      hone::Trainer{Agent(), hone::Losses{hone::loss_for<"critic">(critic_loss), hone::loss_for<"actor">(actor_loss)},
                    hone::Optimizers{hone::optimizer_for<"critic">(hone::Sgd{.lr = 2.0}),
                                     hone::optimizer_for<"actor">(hone::Adam{.lr = 0.02})}};

  auto cells = torch::zeros({num_walkers}, torch::kLong);
  for (int step = 0; step < 600; ++step) {
    torch::Tensor moves;
    {
      const torch::NoGradGuard no_gradients;
      moves = trainer.model()->log_policy(cells).exp().multinomial(1).squeeze(1);
    }
    const auto next = (cells + 2 * moves - 1).clamp(0, num_cells - 1);
    const auto reward = (next == num_cells - 1).to(torch::kFloat);
    trainer.step(Transitions{cells, moves, reward, next});
    cells = torch::where(reward > 0, torch::zeros_like(next), next);  // from the goal back to the start
  }

  const torch::NoGradGuard no_gradients;
  const auto all = torch::arange(num_cells - 1);
  fmt::print("the actor goes right in each cell: {}\n",
             trainer.model()->log_policy(all).argmax(1).eq(1).all().item<bool>());
  fmt::print("the critic values the cell before the goal most: {}\n",
             trainer.model()->value(all).argmax().item<std::int64_t>() == num_cells - 2);
}
