#include "convergers/sql_lexer.h"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

namespace converge::convergers {
namespace {

std::string kind_name(TokenKind kind) {
  switch (kind) {
    case TokenKind::word:
      return "word";
    case TokenKind::quoted_name:
      return "name";
    case TokenKind::string:
      return "string";
    case TokenKind::number:
      return "number";
    case TokenKind::parameter:
      return "parameter";
    case TokenKind::symbol:
      return "symbol";
    case TokenKind::line_comment:
      return "line";
    case TokenKind::block_comment:
      return "block";
    case TokenKind::unterminated:
      return "unterminated";
    case TokenKind::end:
      return "end";
  }
  return "?";
}

using Tokens = std::vector<std::string>;

// Each token as KIND|TEXT.
Tokens tokens(std::string_view sql) {
  Tokens all;
  SqlLexer lexer(sql);
  for (auto token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) {
    BOOST_TEST(sql.substr(token.offset, token.text.size()) == token.text);
    all.push_back(kind_name(token.kind) + "|" + std::string(token.text));
  }
  return all;
}

void check_tokens(std::string_view sql, const Tokens& expected) {
  BOOST_TEST_CONTEXT(sql) { BOOST_TEST(tokens(sql) == expected, boost::test_tools::per_element()); }
}

BOOST_AUTO_TEST_SUITE(sql_lexer)

BOOST_AUTO_TEST_CASE(statement_is_cut_into_tokens) {
  check_tokens("select id,a.b::text\n from t where x>=1.5e-3;",
               {"word|select", "word|id", "symbol|,", "word|a", "symbol|.", "word|b",
                "symbol|:", "symbol|:", "word|text", "word|from", "word|t", "word|where", "word|x",
                "symbol|>", "symbol|=", "number|1.5e-3", "symbol|;"});
}

BOOST_AUTO_TEST_CASE(end_repeats) {
  SqlLexer lexer("a ");
  BOOST_TEST(kind_name(lexer.next().kind) == "word");
  BOOST_TEST(kind_name(lexer.next().kind) == "end");
  BOOST_TEST(kind_name(lexer.next().kind) == "end");
  BOOST_TEST(tokens("").empty());
}

BOOST_AUTO_TEST_CASE(lexer_starts_at_its_offset) {
  SqlLexer lexer("'a b", 2);
  const auto token = lexer.next();
  BOOST_TEST(token.text == "b");
  BOOST_TEST(token.offset == 3u);
}

BOOST_AUTO_TEST_CASE(string_holds_everything_to_its_quote) {
  check_tokens("'a;b--c' 'it''s' '' x",
               {"string|'a;b--c'", "string|'it''s'", "string|''", "word|x"});
  check_tokens("'line\nbreak'x", {"string|'line\nbreak'", "word|x"});
}

BOOST_AUTO_TEST_CASE(backslash_escapes_in_e_strings_alone) {
  check_tokens(R"(E'it\'s; ' x)", {R"(string|E'it\'s; ')", "word|x"});
  check_tokens(R"(e'\\' x)", {R"(string|e'\\')", "word|x"});
  check_tokens(R"('\' x)", {R"(string|'\')", "word|x"});
  check_tokens(R"(E'a''b\'' x)", {R"(string|E'a''b\'')", "word|x"});
}

BOOST_AUTO_TEST_CASE(e_string_goes_on_in_the_next_line) {
  check_tokens("E'a'\n  'it\\'s' x", {"string|E'a'\n  'it\\'s'", "word|x"});
  check_tokens("E'a' -- why\n 'it\\'s' x", {"string|E'a' -- why\n 'it\\'s'", "word|x"});
  check_tokens("E'a' '\\' x", {"string|E'a'", "string|'\\'", "word|x"});
}

BOOST_AUTO_TEST_CASE(prefix_belongs_to_its_string) {
  check_tokens(
      "B'01' x'ff' N'n' U&'\\0041' u&\"d\\0061t\"",
      {"string|B'01'", "string|x'ff'", "string|N'n'", "string|U&'\\0041'", "name|u&\"d\\0061t\""});
  check_tokens("name'x'", {"word|name", "string|'x'"});
}

BOOST_AUTO_TEST_CASE(quoted_name_is_one_token) {
  check_tokens(R"("a ""b"" ; --" x)", {R"(name|"a ""b"" ; --")", "word|x"});
}

BOOST_AUTO_TEST_CASE(dollar_quote_ends_at_its_own_tag) {
  check_tokens("$$a;'$ b$$ x", {"string|$$a;'$ b$$", "word|x"});
  check_tokens("$f$ $g$ $$ ; $f$ x", {"string|$f$ $g$ $$ ; $f$", "word|x"});
  check_tokens("$Ü1$ ; $Ü1$", {"string|$Ü1$ ; $Ü1$"});
}

BOOST_AUTO_TEST_CASE(dollar_inside_a_word_is_no_quote) {
  check_tokens("a$b$ c", {"word|a$b$", "word|c"});
}

BOOST_AUTO_TEST_CASE(dollar_and_digits_are_a_parameter) {
  check_tokens("$1+$23", {"parameter|$1", "symbol|+", "parameter|$23"});
  check_tokens("$ x", {"symbol|$", "word|x"});
}

BOOST_AUTO_TEST_CASE(line_comment_ends_at_the_line_break) {
  check_tokens("a--b;'c\nd", {"word|a", "line|--b;'c", "word|d"});
  check_tokens("--a\r\nb", {"line|--a", "word|b"});
  check_tokens("1-- x", {"number|1", "line|-- x"});
  check_tokens("a->--b", {"word|a", "symbol|-", "symbol|>", "line|--b"});
}

BOOST_AUTO_TEST_CASE(block_comments_nest) {
  check_tokens("/* a /* b */ ; -- */ c", {"block|/* a /* b */ ; -- */", "word|c"});
  check_tokens("2*/* x */3", {"number|2", "symbol|*", "block|/* x */", "number|3"});
  check_tokens("/**/ /*/*/*/ */ */ */x", {"block|/**/", "block|/*/*/*/ */ */ */", "word|x"});
}

BOOST_AUTO_TEST_CASE(what_does_not_end_is_unterminated) {
  for (const std::string text :
       {"'a", "E'a\\'", "E'a\\", "\"a", "$$a", "$f$ $$", "/* /* */", "/*/", "U&'", "'a''"}) {
    check_tokens("x " + text, {"word|x", "unterminated|" + text});
  }
}

BOOST_AUTO_TEST_CASE(word_may_have_letters_of_any_script) {
  check_tokens("größe_1 表", {"word|größe_1", "word|表"});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::convergers
