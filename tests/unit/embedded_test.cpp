#include "src/cli/embedded.h"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace {

using converge::cli::embedded_file;
using converge::cli::embedded_files;

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

BOOST_AUTO_TEST_SUITE(embedded)

BOOST_AUTO_TEST_CASE(every_page_unit_and_bundled_converger_is_carried_as_it_is) {
  std::size_t seen = 0;
  for (const auto* folder : {"man", "src/host", "convergers/platform"}) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const auto name = entry.path().filename().string();
      const auto suffix = entry.path().extension();
      if (suffix == ".cpp" || suffix == ".h" || name == "schema.sql") continue;
      const auto* file =
          embedded_file((folder == std::string("src/host") ? "host" : folder) + ("/" + name));
      BOOST_REQUIRE_MESSAGE(file != nullptr, name);
      BOOST_TEST(file->content == content_of(entry.path()), name);
      ++seen;
      if (folder != std::string("man")) continue;
      BOOST_REQUIRE_MESSAGE(embedded_file("text/" + name) != nullptr, name);
      ++seen;
    }
  }
  BOOST_TEST(embedded_files().size() == seen);
}

BOOST_AUTO_TEST_CASE(a_page_is_there_as_text_for_a_terminal_that_names_no_kernel) {
  const auto* page = embedded_file("text/converge-update.1");
  BOOST_REQUIRE(page != nullptr);
  BOOST_TEST(page->content.starts_with("CONVERGE-UPDATE(1)"));
  BOOST_TEST((page->content.find("N\bNA\bAM\bME\bE") != std::string_view::npos));
  BOOST_TEST((page->content.find("Linux") == std::string_view::npos));
}

BOOST_AUTO_TEST_CASE(no_other_name_is_found) {
  BOOST_TEST(embedded_file("") == nullptr);
  BOOST_TEST(embedded_file("man/") == nullptr);
  BOOST_TEST(embedded_file("man/converge-update.1x") == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
