#include "convergers/defined.h"

namespace converge::convergers {

const std::vector<Parameter>& Defined::parameters() const {
  static const std::vector<Parameter> none;
  return none;
}

const std::vector<OutsideSection>& Defined::outside_sections() const {
  static const std::vector<OutsideSection> none;
  return none;
}

}  // namespace converge::convergers
