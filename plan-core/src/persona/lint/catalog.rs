//! The providers that are known, with their trigger events and scope keys.
//!
//! Data of persona-kit 4.1.59, providers and events in its order.

/// The events of every known provider, separated by spaces.
const EVENTS: &[(&str, &str)] = &[
    (
        "airtable",
        "base.create base.delete base.update record.create record.delete record.update \
         table.create table.delete table.update",
    ),
    (
        "asana",
        "project.added project.changed project.deleted project.removed section.added \
         section.changed section.deleted section.removed task.added task.changed \
         task.completed task.deleted task.removed workspace.added workspace.changed \
         workspace.deleted workspace.removed",
    ),
    ("azure-blob", "file.created file.deleted file.updated"),
    ("box", "file.created file.deleted file.updated"),
    (
        "calendly",
        "event_type.canceled event_type.created event_type.deleted event_type.updated \
         invitee.canceled invitee.created invitee.deleted invitee.updated \
         scheduled_event.canceled scheduled_event.created scheduled_event.deleted \
         scheduled_event.updated",
    ),
    (
        "clickup",
        "folder.created folder.deleted folder.updated list.created list.deleted list.updated \
         space.created space.deleted space.updated task.created task.deleted task.updated",
    ),
    (
        "cloudflare",
        "access_custom_certificate_expiration_type advanced_http_alert_error \
         billing_usage_alert dedicated_ssl_certificate_event_type \
         health_check_status_notification http_alert_origin_error workers_alert \
         workers_observability_alert",
    ),
    (
        "confluence",
        "page.created page.deleted page.updated space.created space.deleted space.updated",
    ),
    (
        "daytona",
        "sandbox.created sandbox.state.updated snapshot.created snapshot.removed \
         snapshot.state.updated volume.created volume.state.updated",
    ),
    ("docker-hub", "push"),
    ("dropbox", "file.changed"),
    ("fathom", "new-meeting-content-ready"),
    (
        "gcp",
        "billing.budget.alert cloud-run.service.created cloud-run.service.deleted \
         cloud-run.service.updated error-reporting.event.logged error-reporting.group.opened \
         error-reporting.group.reopened monitoring.incident.closed monitoring.incident.open",
    ),
    ("gcs", "file.created file.deleted file.updated"),
    (
        "github",
        "check_run.completed deployment_status.created issue_comment.created issues.closed \
         issues.edited issues.labeled issues.opened issues.reopened issues.unlabeled \
         pull_request.closed pull_request.edited pull_request.opened pull_request.reopened \
         pull_request.synchronize pull_request_review.dismissed pull_request_review.edited \
         pull_request_review.submitted pull_request_review_comment.created \
         pull_request_review_thread.resolved push status",
    ),
    (
        "gitlab",
        "build.canceled build.created build.failed build.manual build.pending build.running \
         build.skipped build.success deployment.canceled deployment.created deployment.failed \
         deployment.running deployment.success issue.close issue.open issue.reopen \
         issue.update job.canceled job.created job.failed job.manual job.pending job.running \
         job.skipped job.success merge_request.approved merge_request.close \
         merge_request.merge merge_request.open merge_request.reopen merge_request.unapproved \
         merge_request.update note.Commit note.Issue note.MergeRequest note.Snippet \
         pipeline.canceled pipeline.created pipeline.failed pipeline.manual pipeline.pending \
         pipeline.running pipeline.skipped pipeline.success pipeline.waiting_for_resource \
         push tag_push",
    ),
    ("gmail", "file.created file.deleted file.updated"),
    (
        "google-calendar",
        "calendar.exists calendar.not_exists calendar.sync",
    ),
    ("google-drive", "file.created file.deleted file.updated"),
    ("granola", "file.created recording.created"),
    (
        "hubspot",
        "company.associationChange company.created company.deleted company.merged \
         company.propertyChange contact.associationChange contact.created contact.deleted \
         contact.merged contact.propertyChange deal.associationChange deal.created \
         deal.deleted deal.merged deal.propertyChange ticket.associationChange ticket.created \
         ticket.deleted ticket.merged ticket.propertyChange",
    ),
    (
        "intercom",
        "company.archived company.closed company.created company.deleted company.reopened \
         company.updated contact.archived contact.closed contact.created contact.deleted \
         contact.reopened contact.updated conversation.archived conversation.closed \
         conversation.created conversation.deleted conversation.reopened conversation.updated",
    ),
    (
        "jira",
        "comment.created comment.deleted comment.updated issue.created issue.deleted \
         issue.updated project.created project.deleted project.updated sprint.created \
         sprint.deleted sprint.updated",
    ),
    (
        "linear",
        "AgentSessionEvent.created AgentSessionEvent.prompted \
         AppUserNotification.issueAssignedToYou AppUserNotification.issueCommentMention \
         AppUserNotification.issueCommentReaction AppUserNotification.issueEmojiReaction \
         AppUserNotification.issueMention AppUserNotification.issueNewComment \
         AppUserNotification.issueStatusChanged AppUserNotification.issueUnassignedFromYou \
         OAuthApp.revoked PermissionChange.teamAccessChanged comment.create comment.remove \
         comment.update cycle.create cycle.remove cycle.update issue.create issue.remove \
         issue.update label.create label.remove label.update milestone.create \
         milestone.remove milestone.update project.create project.remove project.update \
         roadmap.create roadmap.remove roadmap.update",
    ),
    (
        "mailgun",
        "event.accepted event.clicked event.complained event.delivered event.failed \
         event.opened event.permanent_fail event.stored event.unsubscribed list.created \
         list.updated message.accepted message.delivered message.failed message.stored",
    ),
    (
        "mixpanel",
        "cohort.create cohort.delete cohort.merge cohort.update event.create event.delete \
         event.merge event.update profile.create profile.delete profile.merge profile.update",
    ),
    (
        "neon",
        "advisor.issue_raised endpoint.state_changed operation.cancelled operation.failed \
         operation.succeeded",
    ),
    (
        "notion",
        "database.created database.deleted database.moved database.schema_updated \
         database.undeleted page.content_updated page.created page.deleted page.locked \
         page.moved page.properties_updated page.undeleted page.unlocked",
    ),
    ("onedrive", "file.created file.deleted file.updated"),
    (
        "pipedrive",
        "activity.created activity.deleted activity.updated deal.created deal.deleted \
         deal.lost deal.updated deal.won organization.created organization.deleted \
         organization.updated person.created person.deleted person.updated",
    ),
    ("postgres", "file.created file.deleted file.updated"),
    ("recall", "file.created recording.created transcript.done"),
    ("redis", "file.created file.deleted file.updated"),
    ("s3", "file.created file.deleted file.updated"),
    (
        "salesforce",
        "Account.created Account.deleted Account.updated Account.upserted Case.closed \
         Case.created Case.deleted Case.updated Case.upserted Contact.created Contact.deleted \
         Contact.updated Contact.upserted Lead.converted Lead.created Lead.deleted \
         Lead.updated Lead.upserted Opportunity.created Opportunity.deleted \
         Opportunity.updated Opportunity.upserted",
    ),
    (
        "segment",
        "group.create group.update group.upsert identify.create identify.update \
         identify.upsert page.create page.update page.upsert track.create track.update \
         track.upsert",
    ),
    (
        "sendgrid",
        "contact.create contact.delete contact.update event.bounce event.click event.deferred \
         event.delivered event.dropped event.group_resubscribe event.group_unsubscribe \
         event.open event.processed event.spamreport event.unsubscribe mail.create \
         mail.delete mail.update",
    ),
    ("sharepoint", "file.created file.deleted file.updated"),
    (
        "shopify",
        "customer.cancel customer.create customer.delete customer.fulfill customer.paid \
         customer.update fulfillment.cancel fulfillment.create fulfillment.delete \
         fulfillment.fulfill fulfillment.paid fulfillment.update order.cancel order.create \
         order.delete order.fulfill order.paid order.update product.cancel product.create \
         product.delete product.fulfill product.paid product.update",
    ),
    (
        "slack",
        "channel.archived channel.created channel.deleted channel.member_joined \
         channel.member_left channel.renamed channel.unarchived group.archived group.deleted \
         group.renamed group.unarchived message message.created message.deleted \
         message.updated reaction.added reaction.removed reaction_added user.changed \
         user.joined",
    ),
    (
        "stripe",
        "charge.failed charge.refunded charge.succeeded charge.updated customer.created \
         customer.deleted customer.subscription.created customer.subscription.deleted \
         customer.subscription.updated customer.updated invoice.created invoice.finalized \
         invoice.paid invoice.payment_failed invoice.updated invoice.voided \
         payment_intent.canceled payment_intent.created payment_intent.payment_failed \
         payment_intent.requires_action payment_intent.succeeded",
    ),
    (
        "teams",
        "channel.created channel.deleted channel.updated chat.created chat.deleted \
         chat.updated chat_message.created chat_message.deleted chat_message.updated \
         member.created member.deleted member.updated message.created message.deleted \
         message.updated reply.created reply.deleted reply.updated team.deleted team.updated",
    ),
    (
        "telegram",
        "business_connection business_message callback_query channel_post chat_boost \
         chat_join_request chat_member chosen_inline_result deleted_business_messages \
         edited_business_message edited_channel_post edited_message guest_message \
         inline_query managed_bot message message_reaction message_reaction_count \
         my_chat_member poll poll_answer pre_checkout_query purchased_paid_media \
         removed_chat_boost shipping_query",
    ),
    (
        "zendesk",
        "organization.created organization.deleted organization.updated ticket.created \
         ticket.deleted ticket.updated user.created user.deleted user.updated",
    ),
];

/// Other names of known providers.
pub const PROVIDER_ALIASES: &[(&str, &str)] = &[("google-mail", "gmail")];

/// The providers that exist and have no known events.
pub const PROVIDERS_WITHOUT_EVENTS: &[&str] = &["reddit", "x"];

/// The scope keys of the providers that have known ones.
pub const SCOPE_KEYS: &[(&str, &[&str])] = &[
    ("cloudflare", &["accountId", "zoneId"]),
    ("gcp", &["billingAccountId", "location", "project"]),
    ("github", &["owner", "repo"]),
    ("gitlab", &["projectPath"]),
    ("neon", &["organizationId", "projectId"]),
    ("salesforce", &["connectionId", "providerConfigKey"]),
    ("telegram", &["chatId", "messageThreadId", "userId"]),
];

/// Walks the providers that have known events, aliases last.
pub fn providers() -> impl Iterator<Item = &'static str> {
    let own = EVENTS.iter().map(|(provider, _)| *provider);
    own.chain(PROVIDER_ALIASES.iter().map(|(alias, _)| *alias))
}

/// Returns the events of a provider or of the provider that a name is an alias of.
pub fn events(provider: &str) -> Option<impl Iterator<Item = &'static str> + Clone> {
    let alias = PROVIDER_ALIASES
        .iter()
        .find(|(alias, _)| *alias == provider);
    let provider = alias.map_or(provider, |(_, provider)| provider);
    let (_, events) = EVENTS.iter().find(|(known, _)| *known == provider)?;
    Some(events.split(' '))
}

/// Walks the providers that have no known scope keys: those with events in their
/// order, then those without.
pub fn providers_without_scope_keys() -> impl Iterator<Item = &'static str> {
    let own = EVENTS.iter().map(|(provider, _)| *provider);
    own.chain(PROVIDERS_WITHOUT_EVENTS.iter().copied())
        .filter(|provider| SCOPE_KEYS.iter().all(|(known, _)| known != provider))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_every_provider_and_event() {
        assert_eq!(providers().count(), 45);
        assert_eq!(providers().filter_map(events).flatten().count(), 504);
        assert_eq!(providers_without_scope_keys().count(), 39);
    }
}
