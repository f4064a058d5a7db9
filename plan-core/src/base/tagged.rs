//! Tagged unions on the wire: `{"tag": {…}}`, one declaration for type, printing
//! and reading.

/// Declares an enumeration whose variants each hold one record; on the wire it is
/// an object with one member, named by the variant's tag.
macro_rules! tagged {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$variant_meta:meta])* $variant:ident($body:ty) = $tag:literal ),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name { $( $(#[$variant_meta])* $variant($body), )* }

        impl $name {
            /// Every tag in declaration order.
            pub const TAGS: &'static [&'static str] = &[$($tag),*];

            /// Returns the tag that names the variant on the wire.
            pub const fn tag(&self) -> &'static str {
                match self { $(Self::$variant(_) => $tag,)* }
            }
        }

        impl $crate::base::json::Print for $name {
            fn print(&self, out: &mut $crate::base::json::Writer) {
                out.begin_object();
                match self { $(Self::$variant(body) => out.field($tag, body),)* }
                out.end_object();
            }
        }

        impl<'scan> $crate::base::record::Scan<'scan> for $name {
            fn scan(
                value: &$crate::base::json::Value<'scan>,
                at: &$crate::base::diag::Path<'_>,
            ) -> Result<Self, $crate::base::diag::Diagnostic> {
                let wrong = || {
                    let tags = [$($tag),*].join(", ");
                    let problem = alloc::format!("must be an object with one member of: {tags}");
                    $crate::base::record::invalid(at, &problem)
                };
                let object = value.as_object().filter(|object| object.len() == 1);
                let (tag, body) = object.and_then(|object| object.iter().next()).ok_or_else(wrong)?;
                match tag {
                    $($tag => $crate::base::record::Scan::scan(body, &at.field(tag)).map(Self::$variant),)*
                    _ => Err(wrong()),
                }
            }
        }
    };
}
pub(crate) use tagged;
