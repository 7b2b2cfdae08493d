#include "convergers/subject_use.h"

#include <boost/test/unit_test.hpp>

namespace converge::convergers {

BOOST_AUTO_TEST_SUITE(subject_use)

BOOST_AUTO_TEST_CASE(a_column_that_is_not_named_is_not_used) {
  const SubjectUse use = find_subject_use(
      "update cluster set archived_at = now() from subject "
      "where cluster.account_id = subject.id returning subject.id, cluster.id as cluster");
  BOOST_TEST(use.may_name("id"));
  BOOST_TEST(!use.may_name("label"));
}

BOOST_AUTO_TEST_CASE(a_name_counts_however_it_is_written) {
  for (const char* column : {"subject.Label", "label", "subject.\"label\"", "LABEL"}) {
    const SubjectUse use =
        find_subject_use(std::string("select id from subject where 'x' = ") + column);
    BOOST_TEST(use.may_name("label"), column);
    BOOST_TEST(!use.may_name("email"), column);
  }
}

BOOST_AUTO_TEST_CASE(in_doubt_everything_is_used) {
  for (const char* sql :
       {"select * from subject", "select row_to_json(subject) from subject",
        "select row_to_json(s) from subject s", "select to_json(s) from subject as s",
        "select id, count(*) from subject group by id",
        "select id from account natural join subject",
        "delete from a using b, subject where a.id = b.id returning a.id", "table subject",
        "select (subject).label from subject", "insert into a select s from b, subject s"}) {
    BOOST_TEST(find_subject_use(sql).may_name("label"), sql);
  }
}

BOOST_AUTO_TEST_CASE(what_is_quoted_or_a_comment_names_nothing) {
  const SubjectUse use = find_subject_use(
      "select id /* label * */ from subject -- label *\nwhere note = 'label * subject' or "
      "$x$label$x$ = ''");
  BOOST_TEST(!use.may_name("label"));
}

BOOST_AUTO_TEST_CASE(the_relation_is_put_in_front_or_into_a_with_clause) {
  BOOST_TEST(with_relation("update a set b = 1", "subject (id) as (r)") ==
             "with subject (id) as (r) update a set b = 1");
  BOOST_TEST(with_relation("with x as (select 1) select", "subject as (r)") ==
             "with subject as (r), x as (select 1) select");
  BOOST_TEST(with_relation("WITH /* c */ Recursive x as (select 1) select", "subject as (r)") ==
             "WITH /* c */ Recursive subject as (r), x as (select 1) select");
  BOOST_TEST(with_relation("with\nx as (select 1)\nselect", "s as (r)") ==
             "with s as (r),\nx as (select 1)\nselect");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace converge::convergers
