#include "src/daemon/page.h"
namespace converge::daemon {
std::string page(const Overview&) { return "<!doctype html>"; }
std::string_view page_style() { return ""; }
std::string_view page_script() { return ""; }
}  // namespace converge::daemon
