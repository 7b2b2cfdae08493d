#pragma once

#include "src/cli/command.h"

#include <CLI/CLI.hpp>

#include <functional>

namespace converge::cli {

std::function<int()> define_doctor(CLI::App& app, const Common& common);

}  // namespace converge::cli
