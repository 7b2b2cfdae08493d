#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

struct KeyType {
  const char* name;
  const char* values;  ///< Rows of a VALUES list.
};

/// Names the data of a failed check.
std::ostream& operator<<(std::ostream& out, const KeyType& type) { return out << type.name; }

const std::vector<KeyType> kKeyTypes = {
    {"bigint", "(1), (-9223372036854775808), (9223372036854775807)"},
    {"uuid", "('00000000-0000-0000-0000-000000000000'), ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')"},
    {"text",
     R"sql((''), ('NULL'), ('null'), ('a''b'), ('a"b'), ('a,b'), ('{a}'), ('}'), ('a\b'), ('\'),
     ('\\N'), ('"'), (e'a\nb'), (e'\n'), (e'a\tb'), (e'\r'), (e'\x01'), (' a '), ('ünïcödé 日本 🦊'),
     ('(a)'), ('$1'), ('%s {} {0}'), ('--'), (e'e\u0301'), (repeat('long', 500)))sql"},
    {"varchar(20)", "(''), ('a b'), ('ä')"},
    {"char(6)", "('a'), ('abcdef'), ('ä')"},
    {"\"char\"", "('a'), ('\"'), (','), ('{')"},
    {"mood", R"(('sad'), ('so, so'), ('"happy"'), ('NULL'))"},
    {"\"Odd Schema\".\"Odd Mood\"", "('up'), ('down')"},
    {"posint", "(1), (2147483647)"},
    {"email", "('a@b'), ('\"q\"@b')"},
    {"numeric", "(0), (1.50), (-0.000001), (123456789012345678901234567890.5), ('NaN')"},
    {"numeric(10,2)", "(0), (1.5)"},
    {"timestamptz", "('2026-11-22 10:00:00.123456+02'), ('infinity'), ('0044-03-15 12:00 BC')"},
    {"date", "('2026-11-22'), ('-infinity')"},
    {"interval", "('1 year 2 days 03:04:05'), ('-1 second')"},
    {"double precision", "(0.1), (1e300), ('NaN'), ('-infinity')"},
    {"boolean", "(true), (false)"},
    {"bytea", R"(('\x'), ('\x00ff5c22'))"},
    {"inet", "('10.0.0.1'), ('::1/64')"},
    {"jsonb", R"(('{"a": ["b, c", null]}'), ('"x"'), ('null'))"},
    {"bit varying(8)", "('101'), ('')"},
    {"int4range", "('[1,5)'), ('empty')"},
};

/// Rows of one table wait to be done; the key is of a type that the case chooses.
struct TypesWorld : World {
  TypesWorld() {
    sql(R"(create type mood as enum ('sad', 'so, so', '"happy"', 'NULL');
      create schema "Odd Schema"; create type "Odd Schema"."Odd Mood" as enum ('up', 'down');
      create domain posint as integer check (value > 0);
      create domain email as text check (value like '%@%'))");
  }
};

BOOST_FIXTURE_TEST_SUITE(types, TypesWorld)

BOOST_AUTO_TEST_CASE(key_of_any_type_and_content_is_found_again_and_journaled) {
  for (const KeyType& type : kKeyTypes) {
    for (const std::string settings : {"-- chunk: 1000", "-- chunk: 1\n-- limit: 99"}) {
      sql(std::string("drop table if exists thing; create table thing (\"the Key\" ") + type.name +
          " primary key, done bool not null default false);"
          "insert into thing values " +
          type.values);
      define("finish", settings + R"(
-- find:
select "the Key" from thing
-- step: finish
update thing set done = true from subject
where thing."the Key" = subject."the Key" and not done
returning subject."the Key", thing."the Key" as changed, pg_typeof(subject."the Key")
)");
      const auto result = run("finish");
      BOOST_TEST_CONTEXT(type << " " << settings) {
        BOOST_TEST(engine::name_of(result.outcome) == "converged");
        if (result.error) BOOST_TEST_MESSAGE(result.error->what());
        BOOST_TEST(count("thing where not done") == 0);
        BOOST_TEST(result.inconsistencies == count("thing"));
        const std::string keys = journaled(
            "select json_group_array(subject) from (select subject from inconsistency where pass "
            "= " +
            std::to_string(result.pass) + " order by subject)");
        BOOST_TEST(sql("select coalesce(string_agg(k, ' ' order by k collate \"C\"), '') from "
                       "jsonb_array_elements_text($keys$" +
                       keys + "$keys$) k") ==
                   sql("select string_agg(k, ' ' order by k collate \"C\") from "
                       "(select concat(\"the Key\") k from thing) x"));
        BOOST_TEST(engine::name_of(run("finish").outcome) == "unchanged");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(columns_of_find_keep_their_types_and_values) {
  sql(R"sql(create table thing (
      id int primary key, tags text[], matrix int[], moods mood[], doc jsonb, at timestamptz,
      raw bytea, empty text, small smallint, price numeric(10,2), code char(4), who email,
      docs jsonb[], span int4range, done text);
    insert into thing values
      (1, array['a,b', null, 'NULL', '"q"', '\', '{c}', '', e'new\nline'], '{{1,2},{3,null}}',
       array['so, so', '"happy"']::mood[], '{"a": [1, "x\"y"], "b": null}',
       '2026-11-22 10:00:00.123456+00', '\x00ff22', null, 7, 1.50, 'ab', 'x@y',
       array['{"k": "v,\"w\""}', null]::jsonb[], '[1,5)', null),
      (2, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
      (3, '{}', '{}', '{}', '[]', 'infinity', '', '', 0, 0, '', '@', '{}', 'empty', null))sql");
  for (const std::string settings : {"-- chunk: 1000", "-- chunk: 1"}) {
    sql("update thing set done = null");
    define("same", settings + R"sql(
-- find:
select id, tags, matrix, moods, doc, at, raw, empty, small, price, code, who, docs, span from thing
-- step: compare
update thing t set done = concat_ws(' ', pg_typeof(s.tags), pg_typeof(s.matrix), pg_typeof(s.moods),
  pg_typeof(s.doc), pg_typeof(s.at), pg_typeof(s.raw), pg_typeof(s.empty), pg_typeof(s.small),
  pg_typeof(s.price), pg_typeof(s.code), pg_typeof(s.who), pg_typeof(s.docs), pg_typeof(s.span))
from subject s
where t.id = s.id and t.done is null
  and (t.tags, t.matrix, t.moods, t.doc, t.at, t.raw, t.empty, t.small, t.price, t.code, t.who,
       t.docs, t.span)
  is not distinct from (s.tags, s.matrix, s.moods, s.doc, s.at, s.raw, s.empty, s.small, s.price,
       s.code, s.who, s.docs, s.span)
returning s.id
)sql");
    BOOST_TEST(summary(run("same")) == "converged: 3 of 3 corrected, 3 changes, 0 failed");
    BOOST_TEST(sql("select distinct done from thing") ==
               "text[] integer[] mood[] jsonb timestamp with time zone bytea text smallint numeric "
               "character email jsonb[] int4range");
  }
}

BOOST_AUTO_TEST_CASE(array_column_can_be_searched_in_a_step) {
  sql("create table thing (id int primary key, tags text[], done bool not null default false);"
      "insert into thing values (1, '{a,\"b, c\"}'), (2, '{a}'), (3, null)");
  define("tagged", R"(
-- find:
select id, tags from thing
-- step: finish
update thing set done = true from subject
where thing.id = subject.id and subject.tags @> array['b, c'] and not done
returning subject.id, cardinality(subject.tags) as tags
)");
  BOOST_TEST(summary(run("tagged")) == "converged: 1 of 3 corrected, 1 changes, 0 failed");
  BOOST_TEST(sql("select id from thing where done") == "1");
  BOOST_TEST(journaled("select changes from step") == R"([{"tags":2}])");
}

BOOST_AUTO_TEST_CASE(odd_column_names_are_columns_of_subject) {
  sql("create table thing (id int primary key, \"Select\" text, \"a \"\"b\"\" %s {}\" text, "
      "done bool not null default false); insert into thing values (1, 'x', 'y'), (2, 'x', 'z')");
  define("odd", R"(-- chunk: 1
-- find:
select id, "Select", "a ""b"" %s {}", 1 + 1 as "?column?" from thing
-- step: finish
update thing set done = true from subject s
where thing.id = s.id and s."Select" = 'x' and s."a ""b"" %s {}" = 'y' and s."?column?" = 2
  and not done
returning s.id, s."a ""b"" %s {}"
)");
  BOOST_TEST(summary(run("odd")) == "converged: 1 of 2 corrected, 1 changes, 0 failed");
  BOOST_TEST(journaled("select changes from step") == R"([{"a \"b\" %s {}":"y"}])");
}

BOOST_AUTO_TEST_CASE(label_of_any_type_is_journaled_as_text) {
  archived_accounts(2);
  define("archive", R"(
-- find:
select id, case id when 1 then array['a', null] end as label from account
)" + kArchiveClusters);
  BOOST_TEST(summary(run("archive")) == "converged: 2 of 2 corrected, 2 changes, 0 failed");
  BOOST_TEST(journaled("select subject, coalesce(label, 'none') from inconsistency") ==
             "1|{a,NULL}\n2|none");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
