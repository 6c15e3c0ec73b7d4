// The syntax tree, whole. The rules of all parts stand in ast_node.h. Tests: tests/unit/sql_parse/.
#pragma once

#include "sql/ast_definition.h"
#include "sql/ast_expr.h"
#include "sql/ast_node.h"
#include "sql/ast_query.h"
#include "sql/ast_statement.h"
