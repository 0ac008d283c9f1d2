// SPDX-License-Identifier: Apache-2.0
/// The members of a batch that hold tensors, and the one that is the target, for the loss and for `Metrics`.
///
/// | batch | inputs of the model | target |
/// | --- | --- | --- |
/// | `std::pair`, `std::tuple`, `std::array` | all but the last | the last |
/// | struct of `data` and `target`, as `torch::data::Example` | `data` | `target` |
/// | adapted Boost.Hana struct | all but the target | member `target`, `targets`, `label` or `labels`, else the last |
/// | any type with a specialization of `BatchParts` | `BatchParts<Batch>::inputs` | `BatchParts<Batch>::target` |
///
/// Only members that hold tensors count. A batch with two or more of them needs a specialization of `BatchParts` if it
/// is ambiguous: three or more and the target is not the last, the last is named `weight`, `weights`, `sample_weight`
/// or `sample_weights`, or two have the name of a target.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "hone/core/hana.hpp"

namespace hone {

/// Customization point for a batch with more than inputs and a target. `inputs` returns a tuple of references.
///
/// **Example**
/// ```
/// template <>
/// struct hone::BatchParts<Weighted> {
///   static auto inputs(auto& batch) { return std::tie(batch.x); }
///   static auto& target(auto& batch) { return batch.target; }
/// };
/// ```
template <class Batch>
struct BatchParts {};

/// A batch type with a specialization of `BatchParts`.
template <class Batch>
concept NamesParts = requires(Batch& batch) {
  BatchParts<std::remove_const_t<Batch>>::inputs(batch);
  BatchParts<std::remove_const_t<Batch>>::target(batch);
};

namespace detail {

template <class T>
constexpr bool is_vector = false;
template <class T, class Allocator>
constexpr bool is_vector<std::vector<T, Allocator>> = true;

template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;

template <class T>
constexpr bool is_variant = false;
template <class... Ts>
constexpr bool is_variant<std::variant<Ts...>> = true;

template <class T>
constexpr bool is_array = false;
template <class T, std::size_t count>
constexpr bool is_array<std::array<T, count>> = true;

// Views yield pairs and tuples of references; in range-v3, their types derive from `std::pair` and `std::tuple`.
template <class First, class Second>
std::type_identity<std::pair<First, Second>> tuple_in(const std::pair<First, Second>*);
template <class... Members>
std::type_identity<std::tuple<Members...>> tuple_in(const std::tuple<Members...>*);

template <class T>
concept HasTuple = std::is_class_v<T> && requires(const T* whole) { detail::tuple_in(whole); };

template <class T>
concept HanaStruct = std::is_class_v<T> && boost::hana::Struct<T>::value;

template <class T>
constexpr bool is_tuple = is_array<T>;
template <HasTuple T>
  requires(!HanaStruct<T>)
constexpr bool is_tuple<T> = true;

struct AnyMember {
  template <class T>
  operator T() const;  // NOLINT: implicit, only to count members
};

template <class T>
concept HasTarget = requires(T& whole) { requires std::is_object_v<decltype(whole.target)>; };

/// A struct with the members `data` and, optionally, `target`. With more members it must be adapted, so that none is
/// lost.
template <class T>
concept HasData = std::is_class_v<T> && !HanaStruct<T> &&
                  requires(T& whole) { requires std::is_object_v<decltype(whole.data)>; } && !(HasTarget<T> ? requires {
                    T{AnyMember{}, AnyMember{}, AnyMember{}};
                  } : requires { T{AnyMember{}, AnyMember{}}; });

template <class T>
concept HasDataAndTarget = HasData<T> && HasTarget<T>;

/// A type whose members are known at compile time.
template <class T>
concept Structured = is_tuple<T> || HanaStruct<T> || HasData<T>;

/// A container that owns its elements and gives mutable access to them.
template <class T>
concept ContainerOfElements =
    std::is_class_v<T> && !is_array<T> && std::copy_constructible<T> && requires(T& container) {
      typename T::value_type;
      typename T::allocator_type;
      { *container.begin() } -> std::same_as<typename T::value_type&>;
      container.end();
    };

template <class T>
concept MapOfValues = ContainerOfElements<T> && requires {
  typename T::mapped_type;
  requires std::same_as<typename T::value_type, std::pair<const typename T::key_type, typename T::mapped_type>>;
};

/// Returns references to the members of `whole`, in order.
template <class T>
  requires Structured<std::remove_const_t<T>>
constexpr auto members(T& whole) {
  using Whole = std::remove_const_t<T>;
  if constexpr (HanaStruct<Whole>) {
    return boost::hana::unpack(boost::hana::accessors<Whole>(), [&whole](auto... accessors) {
      return std::tie(boost::hana::second(accessors)(whole)...);
    });
  } else if constexpr (is_array<Whole>) {
    return std::apply([](auto&... parts) { return std::tie(parts...); }, whole);
  } else if constexpr (is_tuple<Whole>) {
    using Tuple = typename decltype(detail::tuple_in(static_cast<Whole*>(nullptr)))::type;
    return std::apply([](auto&... parts) { return std::tie(parts...); },
                      static_cast<std::conditional_t<std::is_const_v<T>, const Tuple, Tuple>&>(whole));
  } else if constexpr (HasDataAndTarget<Whole>) {
    return std::tie(whole.data, whole.target);
  } else {
    return std::tie(whole.data);
  }
}

template <class T>
using MembersOf = decltype(members(std::declval<T&>()));

/// Returns whether `T` contains tensors, types for which `Test::is` is true, in every part (`all`) or in at least one.
template <class Test, class T, bool all>
consteval bool holds() {
  if constexpr (Test::template is<T>) {
    return true;
  } else if constexpr (Structured<T>) {
    return []<class... Parts>(std::type_identity<std::tuple<Parts&...>>) {
      return all ? (holds<Test, std::remove_const_t<Parts>, all>() && ...)
                 : (holds<Test, std::remove_const_t<Parts>, all>() || ...);
    }(std::type_identity<MembersOf<T>>{});
  } else if constexpr (is_optional<T>) {
    return holds<Test, typename T::value_type, all>();
  } else if constexpr (is_variant<T>) {
    return []<class... Ts>(std::type_identity<std::variant<Ts...>>) {
      return all ? (holds<Test, Ts, all>() && ...) : (holds<Test, Ts, all>() || ...);
    }(std::type_identity<T>{});
  } else if constexpr (MapOfValues<T>) {
    return holds<Test, typename T::mapped_type, all>();
  } else if constexpr (ContainerOfElements<T>) {
    return holds<Test, typename T::value_type, all>();
  } else {
    return false;
  }
}

/// Returns the names of the adapted members of `T`, in order.
template <HanaStruct T>
consteval auto member_names() {
  return boost::hana::unpack(boost::hana::accessors<T>(), [](auto... accessors) {
    return std::array<std::string_view, sizeof...(accessors)>{
        std::string_view(std::remove_cvref_t<decltype(boost::hana::first(accessors))>::c_str())...};
  });
}

constexpr bool is_target_name(std::string_view name) {
  return name == "target" || name == "targets" || name == "label" || name == "labels";
}
constexpr bool is_weight_name(std::string_view name) {
  return name == "weight" || name == "weights" || name == "sample_weight" || name == "sample_weights";
}

/// The position of the target among the members that hold tensors. The flags are false if the target, or the set of
/// inputs, is ambiguous.
struct TargetPlace {
  std::size_t num_members = 0;  ///< Members that hold tensors.
  std::size_t target = 0;
  bool is_target_clear = true;
  bool are_inputs_clear = true;
};

template <class Test, Structured T>
consteval TargetPlace target_place() {
  constexpr auto holding = []<class... Parts>(std::type_identity<std::tuple<Parts&...>>) {
    return std::array<bool, sizeof...(Parts)>{holds<Test, std::remove_const_t<Parts>, false>()...};
  }(std::type_identity<MembersOf<T>>{});
  TargetPlace place;
  std::size_t num_targets = 0;
  bool ends_with_weight = false;
  for (std::size_t i = 0; i < holding.size(); ++i) {
    if (!holding[i]) continue;
    if constexpr (HanaStruct<T>) {
      const std::string_view name = member_names<T>()[i];
      if (is_target_name(name) && num_targets++ == 0) place.target = place.num_members;
      ends_with_weight = is_weight_name(name);
    }
    ++place.num_members;
  }
  if (num_targets == 0 && place.num_members > 0) place.target = place.num_members - 1;
  place.is_target_clear = num_targets == 1 || (num_targets == 0 && !ends_with_weight) || place.num_members < 2;
  place.are_inputs_clear = place.is_target_clear && (place.num_members <= 2 || place.target + 1 == place.num_members) &&
                           !(ends_with_weight && place.num_members >= 2);
  return place;
}

template <class Test, class T>
constexpr auto tie_if_tensors(T& member) {
  if constexpr (holds<Test, std::remove_const_t<T>, false>()) {
    return std::tie(member);
  } else {
    return std::tuple<>{};
  }
}

/// Returns references to the members of `batch` that hold tensors. A batch without members counts as its only member.
template <class Test, class Batch>
constexpr auto members_with_tensors(Batch& batch) {
  if constexpr (Structured<std::remove_const_t<Batch>>) {
    return std::apply([](auto&... parts) { return std::tuple_cat(tie_if_tensors<Test>(parts)...); }, members(batch));
  } else {
    return tie_if_tensors<Test>(batch);
  }
}

template <class Batch>
struct batch_of_unclear_parts {
  static_assert(
      sizeof(Batch) == 0,
      "hone: this batch has more tensors than inputs and one target, so the roles of its members are ambiguous. "
      "Specialize hone::BatchParts for it, with `inputs(batch)` and `target(batch)`, or write the override "
      "`train_batch_loss(trainer, batch)`.");
};

}  // namespace detail

}  // namespace hone
