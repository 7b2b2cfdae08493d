#define BOOST_TEST_MODULE torture
#include <boost/test/unit_test.hpp>
