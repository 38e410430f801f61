internal import CLibYAML

/// What the parser reports, free of C types. The text is valid only until the next call of `next()`.
struct ParsedEvent {
    enum Kind {
        case documentStart(isExplicit: Bool)
        case documentEnd(isExplicit: Bool)
        case streamEnd
        case node(YAMLNode.Kind, YAMLNode.Style)
        case collectionEnd
    }

    struct Mark {
        var codePoint: Int
        /// 1-based.
        var line: Int
        /// 1-based.
        var column: Int
    }

    var kind: Kind
    var start: Mark
    var end: Mark
    var text: UnsafeBufferPointer<UInt8>
    var anchor: String?
    var tag: String?
}

/// Owns libyaml's parser and its current event; no C type leaves this file.
final class EventReader {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let event: UnsafeMutablePointer<yaml_event_t>
    private let input: UnsafeBufferPointer<UInt8>

    /// The input has to outlive the reader.
    init(_ input: UnsafeBufferPointer<UInt8>) throws(YAMLError) {
        self.input = input
        parser = .allocate(capacity: 1)
        event = .allocate(capacity: 1)
        event.initialize(to: yaml_event_t())
        guard yaml_parser_initialize(parser) == 1 else {
            parser.initialize(to: yaml_parser_t())
            throw YAMLError(line: 1, column: 1, reason: "out of memory")
        }
        yaml_parser_set_input_string(parser, input.baseAddress, input.count)
        // Named outright, so that no byte-order mark is skipped without being counted.
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    }

    deinit {
        yaml_event_delete(event)
        yaml_parser_delete(parser)
        event.deallocate()
        parser.deallocate()
    }

    func next() throws(YAMLError) -> ParsedEvent {
        while true {
            yaml_event_delete(event)
            guard yaml_parser_parse(parser, event) == 1 else { throw failure }
            if event.pointee.type != YAML_STREAM_START_EVENT { return current }
        }
    }

    private var current: ParsedEvent {
        let data = event.pointee.data
        switch event.pointee.type {
        case YAML_DOCUMENT_START_EVENT:
            let isPlain =
                data.document_start.implicit == 1 && data.document_start.version_directive == nil
                && data.document_start.tag_directives.start == data.document_start.tag_directives.end
            return make(.documentStart(isExplicit: !isPlain))
        case YAML_DOCUMENT_END_EVENT:
            return make(.documentEnd(isExplicit: data.document_end.implicit == 0))
        case YAML_SCALAR_EVENT:
            let text = UnsafeBufferPointer(start: data.scalar.value, count: data.scalar.length)
            return make(
                .node(.scalar, Self.style(data.scalar.style)), text: text, anchor: data.scalar.anchor,
                tag: data.scalar.tag)
        case YAML_SEQUENCE_START_EVENT:
            let isFlow = data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
            return make(
                .node(.sequence, isFlow ? .flow : .block), anchor: data.sequence_start.anchor,
                tag: data.sequence_start.tag)
        case YAML_MAPPING_START_EVENT:
            let isFlow = data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
            return make(
                .node(.mapping, isFlow ? .flow : .block), anchor: data.mapping_start.anchor, tag: data.mapping_start.tag
            )
        case YAML_ALIAS_EVENT:
            return make(.node(.alias, .plain), anchor: data.alias.anchor)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            return make(.collectionEnd)
        default:
            return make(.streamEnd)
        }
    }

    private func make(
        _ kind: ParsedEvent.Kind, text: UnsafeBufferPointer<UInt8> = .init(start: nil, count: 0),
        anchor: UnsafePointer<UInt8>? = nil, tag: UnsafePointer<UInt8>? = nil
    ) -> ParsedEvent {
        ParsedEvent(
            kind: kind, start: Self.mark(event.pointee.start_mark), end: Self.mark(event.pointee.end_mark), text: text,
            anchor: anchor.map { String(cString: $0) }, tag: tag.map { String(cString: $0) })
    }

    private static func mark(_ mark: yaml_mark_t) -> ParsedEvent.Mark {
        .init(codePoint: mark.index, line: mark.line + 1, column: mark.column + 1)
    }

    private static func style(_ style: yaml_scalar_style_t) -> YAMLNode.Style {
        switch style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
        case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
        case YAML_LITERAL_SCALAR_STYLE: .literal
        case YAML_FOLDED_SCALAR_STYLE: .folded
        default: .plain
        }
    }

    private var failure: YAMLError {
        let parser = parser.pointee
        let problem = parser.problem.map { String(cString: $0) } ?? "not valid YAML"
        switch parser.error {
        case YAML_MEMORY_ERROR:
            return YAMLError(line: 1, column: 1, reason: "out of memory")
        case YAML_READER_ERROR:
            // The reader knows a byte offset only.
            let position = TextPosition(of: min(parser.problem_offset, input.count), in: input)
            return YAMLError(line: position.line, column: position.column, reason: "\(problem) in a YAML file")
        default:
            // At the end of the file the parser's mark stands on a line that is not there.
            let mark = Self.mark(parser.problem_mark)
            let end = TextPosition(of: input.count, in: input)
            let place = mark.line > end.line ? (end.line, end.column) : (mark.line, mark.column)
            let context = parser.context.map { " \(String(cString: $0))" } ?? ""
            return YAMLError(line: place.0, column: place.1, reason: problem + context)
        }
    }
}
